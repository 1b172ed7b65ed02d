//! The schemas of the types, once for requests and once for answers.
//!
//! A field with a default may be left out of a request and stands in every answer, so a type can have two schemas: then the request's is called
//! `NameInput`. Answers never forbid further fields: clients ignore what they do not know.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

pub(super) struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

const PREFIX: &str = "#/components/schemas/";

impl Schemas {
    pub(super) fn new() -> Schemas {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Schemas { requests: SchemaGenerator::new(settings().for_deserialize()), answers: SchemaGenerator::new(settings().for_serialize()) }
    }

    pub(super) fn request<T: JsonSchema>(&mut self) -> Value {
        renamed(self.requests.subschema_for::<T>())
    }

    pub(super) fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// All that was referred to.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        let mut all: Map<String, Value> = self.answers.take_definitions(true);
        all.values_mut().for_each(open);
        for (name, schema) in self.requests.take_definitions(true) {
            let schema = Schema::try_from(schema).map(renamed).unwrap_or_default();
            all.insert(format!("{name}Input"), schema);
        }
        all
    }
}

/// The schema with its references to requests' schemas.
fn renamed(schema: Schema) -> Value {
    let mut value = schema.to_value();
    each(&mut value, &mut |object| {
        if let Some(Value::String(reference)) = object.get_mut("$ref")
            && reference.starts_with(PREFIX)
        {
            reference.push_str("Input");
        }
    });
    value
}

fn open(schema: &mut Value) {
    each(schema, &mut |object| {
        if object.get("additionalProperties") == Some(&Value::Bool(false)) {
            object.remove("additionalProperties");
        }
    });
}

fn each(value: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values_mut().for_each(|value| each(value, visit));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| each(value, visit)),
        _ => {}
    }
}
