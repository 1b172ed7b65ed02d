//! The store's nodes over the API, for administrators.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::atomic::Ordering;

use common::{Host, Served, ask_as, json_of};
use serde_json::{Value, json};
use xen_abi::{DomId, Release};
use xen_store::client::Requests;
use xen_store::path::StorePath;
use xen_store::perms::{Perm, Rights};
use xenith_api::latest::{Code, EventKind, Role};
use xenith_control::Caller;

const RELEASES: [Release; 4] = [Release::V4_14, Release::V4_17, Release::V4_20, Release::V4_22];

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

fn paths(told: &Value) -> Vec<&str> {
    told["nodes"].as_array().unwrap().iter().map(|node| node["path"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_node_is_told_with_its_permissions_and_children() {
    for release in RELEASES {
        let host = Host::new(release);
        let control = host.start();
        assert!(json_of(&control, "GET", "/v1", None, 200).await["features"].as_array().unwrap().contains(&json!("store")));
        let mut store = host.client();
        store.write(&path("/data"), "text").unwrap();
        store.write(&path("/data/b"), b"\0\xff").unwrap();
        store.write(&path("/data/a"), "").unwrap();
        store.write(&path("/data/a/deep"), "ü").unwrap();
        store.set_perms(&path("/data"), &[Perm::new(DomId(0), Rights::NONE), Perm::new(DomId(0), Rights::READ)]).unwrap();
        let told = json_of(&control, "GET", "/v1/store?path=/data", None, 200).await;
        let expected = json!({ "path": "/data", "value": "text", "perms": ["n0", "r0"], "children": ["b", "a"] });
        assert_eq!(told, json!({ "nodes": [expected], "truncated": false }), "{release}");
        let told = json_of(&control, "GET", "/v1/store?depth=1&path=%2Fdata", None, 200).await;
        assert_eq!(paths(&told), ["/data", "/data/b", "/data/a"]);
        assert_eq!((&told["nodes"][1]["value_hex"], told["nodes"][1].get("value")), (&json!("00ff"), None));
        let told = json_of(&control, "GET", "/v1/store?path=/data&depth=16", None, 200).await;
        assert_eq!((paths(&told).last(), &told["nodes"][3]["value"]), (Some(&"/data/a/deep"), &json!("ü")));
        assert!(paths(&json_of(&control, "GET", "/v1/store?path=/&depth=1", None, 200).await).contains(&"/data"));
    }
}

#[tokio::test]
async fn what_is_written_is_there_and_what_is_removed_is_not() {
    for release in RELEASES {
        let host = Host::new(release);
        let control = host.start();
        let before = host.everything();
        for (body, value) in [
            (json!({ "value": "text" }), &b"text"[..]),
            (json!({ "value": "" }), b""),
            (json!({ "value": "a\u{0}é\n" }), "a\0é\n".as_bytes()),
            (json!({ "value_hex": "00ff" }), b"\0\xff"),
        ] {
            json_of(&control, "PUT", "/v1/store?path=/data/x/y", Some(body), 204).await;
            assert_eq!(host.client().read(&path("/data/x/y")).unwrap(), value, "{release}");
        }
        json_of(&control, "DELETE", "/v1/store?path=/data", None, 204).await;
        json_of(&control, "DELETE", "/v1/store?path=/data", None, 404).await;
        assert_eq!(host.everything(), before, "{release}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_a_problem_with_its_code_and_changes_nothing() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    host.client().write(&path("/data"), "text").unwrap();
    let before = host.everything();
    let text = |count: usize| json!({ "value": "x".repeat(count) });
    let table = [
        ("GET", "?path=/none", None, 404, "store-node-not-found"),
        ("GET", "?path=/data/none&depth=3", None, 404, "store-node-not-found"),
        ("DELETE", "?path=/data/none", None, 404, "store-node-not-found"),
        ("GET", "", None, 400, "bad-request"),
        ("GET", "?depth=1", None, 400, "bad-request"),
        ("GET", "?path=/data&depth=17", None, 400, "bad-request"),
        ("GET", "?path=/data&depth=-1", None, 400, "bad-request"),
        ("GET", "?path=", None, 400, "store-path-invalid"),
        ("GET", "?path=data", None, 400, "store-path-invalid"),
        ("GET", "?path=@releaseDomain", None, 400, "store-path-invalid"),
        ("GET", "?path=/a//b", None, 400, "store-path-invalid"),
        ("GET", "?path=/data/", None, 400, "store-path-invalid"),
        ("GET", "?path=/a%20b%00%1b", None, 400, "store-path-invalid"),
        ("DELETE", "?path=/", None, 400, "store-path-invalid"),
        ("DELETE", "", None, 400, "bad-request"),
        ("PUT", "?path=/a%0ab", Some(text(1)), 400, "store-path-invalid"),
        // With the path and a zero, 4097 bytes.
        ("PUT", "?path=/data", Some(text(4097 - 6)), 422, "store-value-too-large"),
        ("PUT", "?path=/data", Some(json!({})), 422, "config-bad-value"),
        ("PUT", "?path=/data", Some(json!({ "value": "1", "value_hex": "31" })), 422, "config-bad-value"),
        ("PUT", "?path=/data", Some(json!({ "value_hex": "0" })), 422, "config-bad-value"),
        ("PUT", "?path=/data", Some(json!({ "value": 1 })), 422, "config-bad-value"),
        ("PUT", "?path=/data", Some(json!({ "valeu": "1" })), 422, "config-unknown-key"),
        ("PUT", "?path=/data", None, 400, "config-syntax"),
    ];
    for (method, query, body, status, code) in table {
        let problem = json_of(&control, method, &format!("/v1/store{query}"), body.clone(), status).await;
        assert_eq!(problem["code"], code, "{method} {query} {body:?}: {problem}");
        assert_eq!(host.everything(), before, "{method} {query} {body:?}");
    }
    // No message to the store could hold it.
    let long = format!("/v1/store?path=/{}", "a".repeat(5000));
    assert_eq!(json_of(&control, "GET", &long, None, 400).await["code"], "store-path-invalid");
    json_of(&control, "PUT", "/v1/store?path=/data", Some(text(4096 - 6)), 204).await;
    assert_eq!(host.client().read(&path("/data")).unwrap().len(), 4090);
}

#[tokio::test]
async fn administrators_only() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    for role in [Role::Viewer, Role::Operator] {
        for method in ["GET", "PUT", "DELETE"] {
            let caller = Caller { uid: 1000, pid: 1, role };
            let (status, ..) = ask_as(caller, &control, method, "/v1/store?path=/tool", r#"{"value":"1"}"#).await;
            assert_eq!(status, 403, "{method} as {role}");
        }
    }
}

#[tokio::test]
async fn an_answer_is_bounded_and_says_so() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    let mut store = host.client();
    let node = |index: usize| path("/many").child(format!("a-name-of-some-length-{index}"));
    for index in 0..1100 {
        store.write(&node(index), "1").unwrap();
    }
    // More names than one reply of the store takes, all of them told.
    let told = json_of(&control, "GET", "/v1/store?path=/many", None, 200).await;
    assert_eq!((told["nodes"][0]["children"].as_array().unwrap().len(), &told["truncated"]), (1100, &json!(false)));
    let told = json_of(&control, "GET", "/v1/store?path=/many&depth=1", None, 200).await;
    assert_eq!((paths(&told).len(), &told["truncated"]), (1000, &json!(true)));
    // Large values end an answer sooner.
    for index in 0..600 {
        store.write(&node(index), [b'x'; 4000]).unwrap();
    }
    let (_, _, body) = ask_as(Caller::root(), &control, "GET", "/v1/store?path=/many&depth=1", "").await;
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert!((200..300).contains(&paths(&told).len()) && told["truncated"] == true, "{}", paths(&told).len());
}

#[tokio::test]
async fn without_a_store_it_says_so() {
    let host = Host::new(Release::V4_20);
    host.store_up.store(false, Ordering::Relaxed);
    let control = host.start();
    for (method, body) in [("GET", None), ("PUT", Some(json!({ "value": "1" }))), ("DELETE", None)] {
        let problem = json_of(&control, method, "/v1/store?path=/data", body, 503).await;
        assert_eq!(problem["code"], "store-unreachable", "{method}");
    }
}

#[test]
fn the_client_reads_back_what_it_writes() {
    let host = Host::new(Release::V4_20);
    let mut served = Served::new(&host, host.start());
    let client = served.client();
    client.write_store("/data/x", b"\xff").unwrap();
    let told = client.store_nodes("/data", 1).unwrap();
    assert_eq!((told.nodes.len(), told.nodes[1].value_hex.as_deref()), (2, Some("ff")));
    client.remove_store("/data").unwrap();
    let events = client.events(0, false).unwrap().map(Result::unwrap);
    let told: Vec<String> = events.filter(|event| event.kind == EventKind::StoreChanged).map(|event| event.detail).collect();
    assert_eq!(told, ["/data/x: written", "/data: removed"]);
    assert_eq!(client.store_nodes("/data", 0).unwrap_err().code, Code::StoreNodeNotFound);
    assert_eq!(client.write_store("/a b", b"").unwrap_err().code, Code::StorePathInvalid);
    served.stop();
}
