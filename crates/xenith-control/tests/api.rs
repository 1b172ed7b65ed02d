//! Every route over a simulated host: what it answers, and how it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::Request;
use common::{Host, ask, json_of};
use serde_json::json;
use tower::ServiceExt;
use xen_abi::Release;
use xen_abi::call::{Arg, Call, Direction};
use xen_sim::MachineConfig;
use xen_store::client::Requests;
use xen_store::path;
use xenith_control::router;

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let host = Host::new(Release::V4_20);
    let request = Request::builder().method("PATCH").uri("/v1/configs/web").body(Body::empty()).unwrap();
    let answer = router(host.start()).oneshot(request).await.unwrap();
    let mut allowed: Vec<&str> = answer.headers()["allow"].to_str().unwrap().split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!((answer.status().as_u16(), allowed), (405, vec!["DELETE", "GET", "HEAD", "PUT"]));
}

#[tokio::test]
async fn a_domain_lives_and_ends_by_the_api() {
    for release in Release::ALL {
        let host = Host::new(release);
        let control = host.start();
        let before = host.everything();
        let created = json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
        let domain = &created["domain"];
        assert_eq!((&domain["name"], &domain["config"]["name"]), (&json!("web"), &json!("web")), "{release}");
        assert!(created["plan"].as_array().unwrap().iter().all(|step| step["duration_us"].is_u64()));
        for id in ["web".to_owned(), domain["domid"].to_string(), domain["uuid"].as_str().unwrap().to_owned()] {
            let one = json_of(&control, "GET", &format!("/v1/domains/{id}"), None, 200).await;
            assert_eq!(one["uuid"], domain["uuid"], "{id}");
        }
        json_of(&control, "POST", "/v1/domains/web/pause", None, 204).await;
        json_of(&control, "POST", "/v1/domains/web/pause", None, 204).await;
        assert_eq!(json_of(&control, "GET", "/v1/domains/web", None, 200).await["state"], "paused");
        json_of(&control, "POST", "/v1/domains/web/shutdown", None, 409).await;
        json_of(&control, "POST", "/v1/domains/web/unpause", None, 204).await;
        assert_ne!(json_of(&control, "GET", "/v1/domains/web", None, 200).await["state"], "paused");
        json_of(&control, "POST", "/v1/domains/web/shutdown", None, 204).await;
        let domid = xen_abi::DomId(domain["domid"].as_u64().unwrap() as u16);
        let asked = host.client().read_text(&path::domain(domid).control_shutdown()).unwrap();
        assert_eq!(asked.as_deref(), Some("poweroff"));
        json_of(&control, "POST", "/v1/domains/web/reboot", None, 204).await;
        let asked = host.client().read_text(&path::domain(domid).control_shutdown()).unwrap();
        assert_eq!(asked.as_deref(), Some("reboot"));
        let list = json_of(&control, "GET", "/v1/domains", None, 200).await;
        let names: Vec<&str> = list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Domain-0", "web"]);
        json_of(&control, "DELETE", "/v1/domains/web", None, 204).await;
        json_of(&control, "DELETE", "/v1/domains/web", None, 404).await;
        assert_eq!(host.everything(), before, "{release}");
    }
}

#[tokio::test]
async fn the_host_and_the_root_say_what_they_are() {
    let host = Host::new(Release::V4_17);
    let control = host.start();
    let root = json_of(&control, "GET", "/v1", None, 200).await;
    assert_eq!(root["api_version"], "v1");
    assert!(root["features"].as_array().unwrap().contains(&json!("create")));
    let told = json_of(&control, "GET", "/v1/host", None, 200).await;
    assert_eq!((&told["release"], &told["domctl_version"], &told["sysctl_version"]), (&json!("4.17"), &json!(0x15), &json!(0x15)));
    assert!(told["xen_version"].as_str().unwrap().starts_with("4.17"));
    assert_eq!(told["total_memory_kib"], json!(4 << 20));
    assert!(told["free_memory_kib"].as_u64().unwrap() < 4 << 20);
    assert_eq!(told["capabilities"], json!(["hvm", "pv", "hap", "gnttab-v1", "gnttab-v2"]));
    assert_eq!((&told["cpus"], &told["threads_per_core"], &told["cores_per_socket"]), (&json!(2), &json!(1), &json!(2)));
    assert_eq!((&told["numa_nodes"], &told["cpu_khz"]), (&json!(1), &json!(2_000_000)));
}

#[tokio::test]
async fn mitigations_are_what_xens_log_tells_or_said_to_be_unknown() {
    for release in Release::ALL {
        let host = Host::new(release);
        let control = host.start();
        let told = json_of(&control, "GET", "/v1/host", None, 200).await;
        let lines = told["mitigations"].as_array().unwrap();
        assert!(lines.iter().any(|line| line.as_str().unwrap().starts_with("Xen settings: BTI-Thunk LFENCE")), "{release}: {told}");
        assert!(lines.iter().all(|line| host.machine.console().contains(&format!("(XEN)   {}\n", line.as_str().unwrap()))), "{told}");
        assert!(told.get("mitigations_unknown").is_none());
        // A daemon that knew them goes on knowing them when the ring has rolled over; one that is started then says that it does not.
        fill_the_log(&host);
        assert_eq!(json_of(&control, "GET", "/v1/host", None, 200).await["mitigations"], told["mitigations"]);
        let told = json_of(&host.start(), "GET", "/v1/host", None, 200).await;
        assert!(told.get("mitigations").is_none(), "{told}");
        assert!(told["mitigations_unknown"].as_str().unwrap().contains("conring_size"), "{told}");
    }
}

/// Dom0's kernel writes more lines than the ring holds.
fn fill_the_log(host: &Host) {
    let line = b"(XEN) d0 says something that nobody asked for\n";
    for _ in 0..(MachineConfig::default().console_ring_bytes / line.len() + 1) {
        // CONSOLEIO_write (public/xen.h).
        let call = Call::new("console_io write", 18).arg(1, Arg::Word(line.len() as u64)).arg(2, Arg::Address(0));
        host.xen().hypercalls().issue(&mut call.buffer(Direction::In, line.to_vec())).unwrap();
    }
}

#[tokio::test]
async fn the_hypervisors_log_is_told_as_it_is() {
    for release in Release::ALL {
        let host = Host::new(release);
        let control = host.start();
        assert!(json_of(&control, "GET", "/v1", None, 200).await["features"].as_array().unwrap().contains(&json!("host-log")));
        let (status, kind, log) = ask(&control, "GET", "/v1/host/log", "").await;
        assert_eq!((status, kind.as_str()), (200, "text/plain"), "{release}");
        let log = String::from_utf8(log).unwrap();
        assert_eq!(log, host.machine.console());
        assert!(log.starts_with(&format!("(XEN) Xen version {release}.0-sim")), "{log}");
        assert!(log.lines().all(|line| line.starts_with("(XEN) ")), "{log}");
    }
}

#[tokio::test]
async fn refusals_are_problems_with_codes_and_change_nothing() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    json_of(&control, "POST", "/v1/domains", Some(host.create_request("taken")), 201).await;
    let before = host.everything();
    let with = |change: fn(&mut serde_json::Value)| {
        let mut request = host.create_request("web");
        change(&mut request);
        Some(request)
    };
    let table = [
        ("GET", "/v1/domains/none", None, 404, "domain-not-found"),
        ("GET", "/v1/domains/77", None, 404, "domain-not-found"),
        ("DELETE", "/v1/domains/0", None, 409, "domain-state"),
        ("POST", "/v1/domains/Domain-0/pause", None, 409, "domain-state"),
        ("GET", "/v2", None, 404, "no-route"),
        ("PUT", "/v1/domains", None, 405, "method-not-allowed"),
        ("TRACE", "/v1/host", None, 405, "method-not-allowed"),
        ("DELETE", "/v1/domains/taken?wait=null", None, 400, "bad-request"),
        ("DELETE", "/v1/domains/taken?wait=-1", None, 400, "bad-request"),
        ("DELETE", "/v1/domains/taken?wait=3601", None, 400, "bad-request"),
        ("GET", "/v1/events?since=x", None, 400, "bad-request"),
        ("GET", "/v1/events?follow=maybe", None, 400, "bad-request"),
        ("GET", "/v1/domains/taken/console", None, 400, "bad-request"),
        ("GET", "/v1/domains/taken/console/log", None, 503, "console-unreachable"),
        ("POST", "/v1/domains", with(|r| r["config"]["name"] = json!("taken")), 409, "name-in-use"),
        ("POST", "/v1/domains", with(|r| r["config"]["name"] = json!("1")), 422, "config-invalid"),
        ("POST", "/v1/domains", with(|r| r["config"]["vcpus"] = json!(0)), 422, "config-invalid"),
        ("POST", "/v1/domains", with(|r| r["config"]["vcpu"] = json!(1)), 422, "config-unknown-key"),
        ("POST", "/v1/domains", with(|r| r["config"]["memory"] = json!("8TiB")), 409, "memory-insufficient"),
        ("POST", "/v1/domains", with(|r| r["config"]["uuid"] = json!("00000000-0000-0000-0000-000000000000")), 422, "config-invalid"),
        ("GET", "/v1/domains/+1", None, 404, "domain-not-found"),
        ("POST", "/v1/domains", with(|r| r["config"]["memory"] = json!("3800MiB")), 409, "memory-insufficient"),
        ("POST", "/v1/domains", with(|r| r["config"]["boot"]["kernel"] = json!("/no/kernel")), 422, "file-unreadable"),
        ("POST", "/v1/domains", with(|r| r["config"]["boot"]["initrd"] = json!("/no/initrd")), 422, "file-unreadable"),
        ("POST", "/v1/domains", Some(json!({})), 422, "config-missing-key"),
        ("POST", "/v1/domains/taken/shutdown", Some(json!({ "wait": 1 })), 422, "config-unknown-key"),
    ];
    for (method, path, body, status, code) in table {
        let problem = json_of(&control, method, path, body.clone(), status).await;
        assert_eq!(problem["code"], code, "{method} {path} {body:?}: {problem}");
        assert_eq!(host.everything(), before, "{method} {path} {body:?}");
    }
    let (status, _, body) = ask(&control, "POST", "/v1/domains", vec![b' '; (1 << 20) + 1]).await;
    assert_eq!(status, 413, "{}", String::from_utf8_lossy(&body));
    let (status, ..) = ask(&control, "POST", "/v1/domains", "{").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_dry_run_plans_and_does_nothing() {
    let host = Host::new(Release::V4_14);
    let control = host.start();
    let before = host.everything();
    let mut request = host.create_request("web");
    request["dry_run"] = json!(true);
    let planned = json_of(&control, "POST", "/v1/domains", Some(request), 200).await;
    assert!(planned.get("domain").is_none());
    assert_eq!(planned["plan"].as_array().unwrap().len(), 18);
    assert_eq!(host.everything(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_creates_at_once_and_one_name_wins_once() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    let before = host.everything();
    let asks = (0..20).map(|index| {
        let control = control.clone();
        let request = host.create_request(&format!("d{}", index / 2)).to_string();
        tokio::spawn(async move { ask(&control, "POST", "/v1/domains", request).await.0 })
    });
    let mut statuses = Vec::new();
    for ask in asks.collect::<Vec<_>>() {
        statuses.push(ask.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [[201; 10], [409; 10]].concat());
    assert_eq!(host.domids().len(), 10);
    for index in 0..10 {
        json_of(&control, "DELETE", &format!("/v1/domains/d{index}"), None, 204).await;
    }
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn without_a_store_reads_work_and_creates_fail_cleanly_until_it_is_back() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    let before = host.everything();
    host.store_up.store(false, Ordering::Relaxed);
    // Connections that were kept die with the store.
    let control = {
        drop(control);
        host.start()
    };
    json_of(&control, "GET", "/v1/domains", None, 200).await;
    let problem = json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 503).await;
    assert_eq!((&problem["code"], &problem["step"]), (&json!("store-unreachable"), &json!("write the store nodes in one transaction")));
    host.store_up.store(true, Ordering::Relaxed);
    control.observe().unwrap();
    assert_eq!(host.everything(), before);
    json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
}
