//! Domains that start with the host.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;

use common::{Host, json_of};
use serde_json::{Value, json};
use xen_abi::Release;
use xenith_control::Control;

async fn store(host: &Host, control: &Arc<Control>, name: &str, start: Value) {
    let mut config = host.create_request(name)["config"].clone();
    config["start"] = start;
    json_of(control, "PUT", &format!("/v1/configs/{name}"), Some(config), 201).await;
}

/// By domid: in the order of their creation.
async fn names(control: &Arc<Control>) -> Vec<String> {
    let all = json_of(control, "GET", "/v1/domains", None, 200).await;
    let guests = all.as_array().unwrap().iter().filter(|domain| domain["domid"] != 0);
    guests.map(|domain| domain["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_to_start_with_the_host_does_so_once_and_in_order() {
    let host = Host::new(Release::V4_17);
    let control = host.start();
    store(&host, &control, "web", json!({ "auto": true, "after": ["db"] })).await;
    store(&host, &control, "db", json!({ "auto": true })).await;
    store(&host, &control, "last", json!({ "auto": true, "order": 9 })).await;
    store(&host, &control, "by-hand", json!({ "order": 1 })).await;
    store(&host, &control, "orphan", json!({ "auto": true, "after": ["by-hand"] })).await;
    let refused = json_of(&control, "PUT", "/v1/configs/x", Some(json!({ "name": "x", "start": { "after": ["a/b"] } })), 422).await;
    assert_eq!(refused["code"], "config-missing-key");
    // The host boots: nothing of /run is there.
    drop(control);
    let control = host.start();
    control.autostart().unwrap();
    assert_eq!(names(&control).await, ["db", "web", "last"]);
    let known = json_of(&control, "GET", "/v1/configs/web", None, 200).await;
    assert_eq!(known["pending"], false);
    // The daemon starts again on the same boot: what somebody destroyed stays so.
    json_of(&control, "DELETE", "/v1/domains/db", None, 204).await;
    drop(control);
    let control = host.start();
    control.autostart().unwrap();
    assert_eq!(names(&control).await, ["web", "last"]);
    // A daemon that was killed on the way goes on.
    std::fs::remove_file(host.dir.path().join("run/autostarted")).unwrap();
    control.autostart().unwrap();
    assert_eq!(names(&control).await, ["web", "last", "db"]);
    let failed = json_of(&control, "GET", "/v1/operations", None, 200).await;
    let of_xenith = failed.as_array().unwrap().iter().filter(|one| one["caller"] == "xenith").count();
    assert_eq!(of_xenith, 3, "each is an operation");
}

#[tokio::test]
async fn a_domain_that_cannot_start_holds_up_only_those_after_it() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    let mut broken = host.create_request("broken")["config"].clone();
    broken["boot"]["kernel"] = json!("/no/such/kernel");
    broken["start"] = json!({ "auto": true });
    json_of(&control, "PUT", "/v1/configs/broken", Some(broken), 201).await;
    store(&host, &control, "after", json!({ "auto": true, "after": ["broken"] })).await;
    store(&host, &control, "other", json!({ "auto": true, "order": 3 })).await;
    control.autostart().unwrap();
    assert_eq!(names(&control).await, ["other"]);
}
