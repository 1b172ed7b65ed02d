//! The figures: every line is one of the text format's, and says what is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::{BTreeMap, HashSet};

use common::{Host, ask, json_of};
use serde_json::json;
use xen_abi::hypercall::domctl::createdomain::{CreateDomain, CreateFlags};
use xen_abi::{DomId, Release};
use xen_store::client::Requests;
use xen_store::path;

/// Name with labels -> value, after the form of every line was looked at.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let (mut series, mut types, mut current) = (BTreeMap::new(), HashSet::new(), (String::new(), String::new()));
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    for line in text.lines().take_while(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(types.insert(name.to_owned()), "{name} twice");
            assert!(["counter", "gauge", "info"].contains(&kind), "{line}");
            current = (name.to_owned(), kind.to_owned());
            continue;
        }
        if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.starts_with(&format!("{} ", current.0)), "{line}");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let suffix = match current.1.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let family = format!("{}{suffix}", current.0);
        assert!(name == family || name.starts_with(&format!("{family}{{")), "{line} is not of {family}");
        assert!(series.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{name} twice");
    }
    series
}

#[tokio::test]
async fn what_is_told_is_what_is() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    let made = json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
    json_of(&control, "POST", "/v1/domains/web/pause", None, 204).await;
    let (domid, uuid) = (made["domain"]["domid"].as_u64().unwrap(), made["domain"]["uuid"].as_str().unwrap());
    // A name that somebody else gave may hold anything.
    let other = CreateDomain {
        domid: DomId::ANY,
        handle: [9; 16],
        ssidref: 0,
        flags: CreateFlags(3),
        max_vcpus: 1,
        max_evtchn_port: 10,
        max_grant_frames: None,
        max_maptrack_frames: None,
        max_grant_version: 1,
        cpupool: 0,
        emulation_flags: 1,
        relaxed_msr: false,
    };
    let other = host.xen().create_domain(&other).unwrap();
    host.client().write(&path::domain(other).name(), "a\"b\\c\nd").unwrap();
    let (status, kind, body) = ask(&control, "GET", "/v1/metrics", "").await;
    assert_eq!((status, kind.as_str()), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let series = parsed(std::str::from_utf8(&body).unwrap());
    let labels = format!("{{name=\"web\",domid=\"{domid}\",uuid=\"{uuid}\"}}");
    let told = json_of(&control, "GET", "/v1/host", None, 200).await;
    for (name, expected) in [
        // Ours, and the other one, which nobody started.
        ("xenith_domains{state=\"paused\"}".to_owned(), json!(2.0)),
        (format!("xenith_domain_memory_bytes{labels}"), json!(made["domain"]["memory_kib"].as_f64().unwrap() * 1024.0)),
        (format!("xenith_domain_vcpus{labels}"), json!(1.0)),
        ("xenith_host_memory_free_bytes".to_owned(), json!(told["free_memory_kib"].as_f64().unwrap() * 1024.0)),
        ("xenith_operations{state=\"succeeded\"}".to_owned(), json!(1.0)),
        ("xenith_events_total".to_owned(), json!(control.events().read(0).unwrap().last as f64)),
        ("xenith_stored_configs".to_owned(), json!(0.0)),
    ] {
        assert_eq!(series.get(&name).map(|value| json!(value)), Some(expected), "{name} in {series:?}");
    }
    assert!(series.keys().any(|name| name.starts_with(r#"xenith_domain_vcpus{name="a\"b\\c\nd",domid="#)), "{series:?}");
    assert!(series.contains_key(&format!("xenith_domain_cpu_seconds_total{labels}")));
}
