//! Whether a value is what a schema says; for tests, which look at every answer that they get.
//!
//! Stricter than a validator: a field that the document does not name is an error, so that nothing is answered that nobody promised.

use super::At;
use serde_json::Value;

use super::gate::values;

/// What is wrong with an answer: a line for each fault. `path` is the request's, without its query.
#[must_use]
pub fn answer(document: &Value, method: &str, path: &str, status: u16, body: &[u8]) -> Vec<String> {
    let Some(operation) = operation(document, method, path) else {
        // Paths of nobody are answered with problems.
        return if status >= 400 { problem(document, body) } else { vec![format!("{method} {path} is not in the document")] };
    };
    let response = operation.at("responses").at(&status.to_string());
    match response.at("content").as_object().and_then(|content| content.iter().next()) {
        Some((kind, content)) if kind == "application/json" => json(document, content.at("schema"), body),
        Some(_) => Vec::new(),
        None if !response.is_null() && body.is_empty() => Vec::new(),
        None if !response.is_null() => vec![format!("{status} has a body of {} bytes", body.len())],
        None if status >= 400 => problem(document, body),
        None => vec![format!("{status} is not in the document")],
    }
}

fn problem(document: &Value, body: &[u8]) -> Vec<String> {
    json(document, &serde_json::json!({ "$ref": "#/components/schemas/Problem" }), body)
}

fn json(document: &Value, schema: &Value, body: &[u8]) -> Vec<String> {
    let mut faults = Vec::new();
    match serde_json::from_slice(body) {
        Ok(value) => check(document, schema, &value, "", &mut faults),
        Err(error) => faults.push(format!("not JSON: {error}")),
    }
    faults
}

/// The operation that a path belongs to.
fn operation<'d>(document: &'d Value, method: &str, path: &str) -> Option<&'d Value> {
    let path = path.split('?').next().unwrap_or(path);
    let same = |pattern: &str| {
        let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted == given || (wanted.starts_with('{') && !given.is_empty()) => {}
                _ => return false,
            }
        }
    };
    let paths = document.at("paths").as_object()?;
    // A fixed word goes before a name.
    let mut found: Vec<_> = paths.iter().filter(|(pattern, _)| same(pattern)).collect();
    found.sort_by_key(|(pattern, _)| pattern.matches('{').count());
    found.first()?.1.get(method.to_lowercase())
}

/// What a reference refers to.
pub(super) fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let named = schema.at("$ref").as_str().and_then(|reference| document.pointer(reference.trim_start_matches('#')));
    named.unwrap_or(schema)
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let schema = resolve(document, schema);
    for (key, all) in [("anyOf", false), ("oneOf", false), ("allOf", true)] {
        let Some(alternatives) = schema.at(key).as_array() else { continue };
        if all {
            alternatives.iter().for_each(|one| check(document, one, value, at, faults));
            continue;
        }
        let fits = |one: &Value| {
            let mut inner = Vec::new();
            check(document, one, value, at, &mut inner);
            inner.is_empty()
        };
        if !alternatives.iter().any(fits) {
            faults.push(format!("{at}: {value} is none of {key}"));
        }
    }
    if values(schema).is_some_and(|values| !values.contains(&value.to_string())) {
        faults.push(format!("{at}: {value} is not a value of the enum"));
    }
    if !is_of_type(schema, value) {
        faults.push(format!("{at}: {value} is no {}", schema.at("type")));
    }
    match value {
        Value::Object(_) => object(document, schema, value, at, faults),
        Value::Array(items) if schema.at("items").is_object() => {
            items.iter().enumerate().for_each(|(index, item)| check(document, schema.at("items"), item, &format!("{at}/{index}"), faults));
        }
        _ => {}
    }
}

fn object(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let known = schema.at("properties").as_object();
    for (name, field) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match known.and_then(|known| known.get(name)) {
            Some(schema) => check(document, schema, field, &at, faults),
            None if schema.at("additionalProperties").is_object() => check(document, schema.at("additionalProperties"), field, &at, faults),
            // A part of several says nothing about the others' fields.
            None if known.is_none() => {}
            None => faults.push(format!("{at}: the document does not name it")),
        }
    }
    for name in schema.at("required").as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            faults.push(format!("{at}/{name}: missing"));
        }
    }
}

fn is_of_type(schema: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        _ => value.is_number(),
    };
    match schema.at("type") {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}
