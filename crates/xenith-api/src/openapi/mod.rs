//! The OpenAPI 3.1 document of version 1: made from the types and the route table, committed, compared by a test, served as committed.
//!
//! ```text
//!   types (schemars) --+
//!                      +--> document() == openapi/v1.json (committed, served) --gate--> openapi/frozen/v1.N.json: every one still holds
//!   routes::ALL -------+                       |
//!                                              +--> conform: every answer that a test sees is what it says
//! ```
//!
//! The generator is only called by tests: the daemon serves the text.

pub mod conform;
pub mod gate;
mod operations;
mod schemas;

use serde_json::{Map, Value, json};

use crate::v1::routes::{ALL, Route};
use operations::Described;
use schemas::Schemas;

/// The document as it is committed and served.
pub const TEXT: &str = include_str!("../../openapi/v1.json");

/// Its minor version.
pub const VERSION: &str = "1.0";

/// The document, made anew.
#[must_use]
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for route in ALL {
        let operation = operation(route, &operations::described(route), &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.to_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Xenith",
            "version": VERSION,
            "description": ABOUT,
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "http://localhost", "description": "over /run/xenith/api.sock" }],
        "paths": paths,
        "components": { "schemas": schemas.finish() },
    })
}

const ABOUT: &str = "Domains of a Xen host. Whatever this version said, later ones of v1 still say: fields, values of enums and paths are added, never \
taken away or given another meaning, and clients ignore what they do not know. Unknown fields of requests are refused. Anything longer than \
a second is an operation: the answer is 202 with it unless `wait` says to wait longer.";

fn operation(route: &Route, described: &Described, schemas: &mut Schemas) -> Value {
    let mut operation = json!({ "operationId": route.name.to_lowercase(), "summary": route.about, "x-role": route.role });
    let mut responses = Map::new();
    for answer in &described.answers {
        let mut response = json!({ "description": answer.about });
        if let Some((kind, schema)) = &answer.content {
            set(&mut response, "content", json!({ *kind: { "schema": schema(schemas) } }));
        }
        if answer.tagged {
            set(
                &mut response,
                "headers",
                json!({ "ETag": { "description": "Names this version, for If-Match.", "schema": { "type": "string" } } }),
            );
        }
        responses.insert(answer.status.to_string(), response);
    }
    let problem = schemas.answer::<crate::v1::Problem>();
    responses.insert(
        "default".to_owned(),
        json!({ "description": "What went wrong.", "content": { "application/problem+json": { "schema": problem } } }),
    );
    set(&mut operation, "responses", Value::Object(responses));
    let parameters = parameters(route, described);
    if !parameters.is_empty() {
        set(&mut operation, "parameters", parameters.into());
    }
    if let Some((required, schema)) = &described.body {
        set(
            &mut operation,
            "requestBody",
            json!({ "required": required, "content": { "application/json": { "schema": schema(schemas) } } }),
        );
    }
    operation
}

fn parameters(route: &Route, described: &Described) -> Vec<Value> {
    let id = |about: &str| json!({ "name": "id", "in": "path", "required": true, "description": about, "schema": { "type": "string" } });
    let named = route.path.contains("{id}").then(|| id(described.id));
    let others = described
        .parameters
        .iter()
        .map(|one| json!({ "name": one.name, "in": one.place, "required": one.required, "description": one.about, "schema": one.schema }));
    named.into_iter().chain(others).collect()
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

/// A member of an object; null where there is none.
trait At {
    fn at(&self, key: &str) -> &Value;
}

impl At for Value {
    fn at(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&Value::Null)
    }
}
