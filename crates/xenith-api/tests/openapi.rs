//! The committed document is what the types say, the frozen ones still hold, and the gate notices what would break them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests and their helpers")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xenith_api::openapi::{self, gate};

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi")
}

fn current() -> String {
    serde_json::to_string_pretty(&openapi::document()).unwrap() + "\n"
}

#[test]
fn the_committed_document_is_current() {
    let path = dir().join("v1.json");
    if std::env::var_os("XENITH_WRITE_DOCS").is_some() {
        std::fs::write(&path, current()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == current(), "openapi/v1.json is not current; run XENITH_WRITE_DOCS=1 cargo test -p xenith-api");
}

#[test]
fn every_frozen_document_still_holds() {
    let files = std::fs::read_dir(dir().join("frozen")).unwrap().map(|entry| entry.unwrap().path());
    let frozen: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    let now = openapi::document();
    for path in frozen {
        let old: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(gate::breaks(&old, &now), Vec::<String>::new(), "{}", path.display());
    }
}

/// A change to a document.
type Change = fn(&mut Value);

fn changed(change: Change) -> Value {
    let mut document = openapi::document();
    let before = document.clone();
    change(&mut document);
    assert!(document != before, "the change changes nothing");
    document
}

fn remove(value: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&name.replace("~1", "/")).unwrap();
}

fn at<'v>(value: &'v mut Value, pointer: &str) -> &'v mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
}

const CREATE: &str = "/paths/~1v1~1domains/post";
const CONFIG: &str = "/components/schemas/DomainConfigInput";
const DOMAIN: &str = "/components/schemas/Domain";

#[test]
fn a_dozen_breaking_changes_are_refused() {
    let seeded: &[(&str, Change)] = &[
        ("a path is gone", |d| remove(d, "/paths/~1v1~1host")),
        ("a method is gone", |d| remove(d, CREATE)),
        ("a field of an answer is gone", |d| remove(d, &format!("{DOMAIN}/properties/uuid"))),
        ("a field of an answer has another type", |d| *at(d, &format!("{DOMAIN}/properties/domid/type")) = json!("string")),
        ("a field of an answer may be missing", |d| {
            at(d, &format!("{DOMAIN}/required")).as_array_mut().unwrap().retain(|name| name != "name");
        }),
        ("a field of a request is gone", |d| remove(d, &format!("{CONFIG}/properties/vcpus"))),
        ("a field of a request must be there", |d| {
            at(d, &format!("{CONFIG}/required")).as_array_mut().unwrap().push(json!("vcpus"));
        }),
        ("a field of a request has another default", |d| *at(d, &format!("{CONFIG}/properties/vcpus/default")) = json!(2)),
        ("a field of a request has another type", |d| *at(d, &format!("{CONFIG}/properties/name/type")) = json!("integer")),
        ("a value of a request's enum is gone", |d| {
            at(d, "/components/schemas/ActionInput/oneOf").as_array_mut().unwrap().pop().unwrap();
        }),
        ("a closed enum of an answer has another value", |d| {
            at(d, "/components/schemas/DomainState/oneOf").as_array_mut().unwrap().push(json!({ "type": "string", "const": "asleep" }));
        }),
        ("another success is answered", |d| {
            let answers = at(d, &format!("{CREATE}/responses"));
            answers["203"] = answers["201"].clone();
        }),
        ("a success is never answered", |d| remove(d, &format!("{CREATE}/responses/201"))),
        ("a parameter must be there", |d| {
            let parameter = json!({ "name": "why", "in": "query", "required": true, "schema": { "type": "string" } });
            at(d, "/paths/~1v1~1host/get")["parameters"] = json!([parameter]);
        }),
        ("a body must be there", |d| *at(d, "/paths/~1v1~1domains~1{id}~1shutdown/post/requestBody/required") = json!(true)),
        ("a higher role is needed", |d| *at(d, "/paths/~1v1~1domains/get/x-role") = json!("admin")),
    ];
    assert!(seeded.len() >= 12);
    for (what, change) in seeded {
        let broken = gate::breaks(&openapi::document(), &changed(*change));
        assert!(!broken.is_empty(), "{what}: not noticed");
    }
}

#[test]
fn eight_additive_changes_are_accepted() {
    let seeded: &[(&str, Change)] = &[
        ("a path", |d| d["paths"]["/v1/weather"] = json!({ "get": { "operationId": "weather", "responses": {} } })),
        ("a method", |d| at(d, "/paths/~1v1~1host")["put"] = json!({ "operationId": "set_host", "responses": {} })),
        ("a field of an answer", |d| at(d, &format!("{DOMAIN}/properties"))["mood"] = json!({ "type": "string" })),
        ("a field of an answer that is always there", |d| {
            at(d, &format!("{DOMAIN}/properties"))["mood"] = json!({ "type": "string" });
            at(d, &format!("{DOMAIN}/required")).as_array_mut().unwrap().push(json!("mood"));
        }),
        ("a field of a request that may be left out", |d| {
            at(d, &format!("{CONFIG}/properties"))["mood"] = json!({ "type": "string", "default": "good" });
        }),
        ("a value of a request's enum", |d| {
            at(d, "/components/schemas/ActionInput/oneOf").as_array_mut().unwrap().push(json!({ "type": "string", "const": "sing" }));
        }),
        ("a value of an open enum of an answer", |d| {
            at(d, "/components/schemas/Code/oneOf").as_array_mut().unwrap().push(json!({ "type": "string", "const": "mood-bad" }));
        }),
        ("a parameter that may be left out", |d| {
            let parameter = json!({ "name": "why", "in": "query", "required": false, "schema": { "type": "string" } });
            at(d, "/paths/~1v1~1host/get")["parameters"] = json!([parameter]);
        }),
        ("a field of a request that is not needed any more", |d| {
            at(d, &format!("{CONFIG}/required")).as_array_mut().unwrap().retain(|name| name != "memory");
        }),
        ("other words", |d| *at(d, "/paths/~1v1~1host/get/summary") = json!("All about the host.")),
    ];
    assert!(seeded.len() >= 8);
    for (what, change) in seeded {
        assert_eq!(gate::breaks(&openapi::document(), &changed(*change)), Vec::<String>::new(), "{what}");
    }
}
