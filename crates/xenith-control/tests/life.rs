//! What happens when domains stop, when others meddle, and when control comes back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{Host, json_of};
use serde_json::{Value, json};
use xen_abi::hypercall::sched::ShutdownReason;
use xen_abi::{DomId, Release};
use xen_store::client::Requests;
use xen_store::path;

const RELEASES: [Release; 4] = [Release::V4_14, Release::V4_17, Release::V4_20, Release::V4_22];

/// What is asked for a domain whose config wants this for each reason.
fn on(host: &Host, wants: impl Fn(&str) -> &'static str) -> Value {
    let mut request = host.create_request("web");
    for reason in ["poweroff", "reboot", "crash", "watchdog", "soft_reset"] {
        request["config"]["on"][reason] = json!(wants(reason));
    }
    request
}

const ACTIONS: [&str; 7] = ["destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart", "soft-reset"];

#[tokio::test]
async fn what_the_config_wants_is_done_for_each_reason() {
    let reasons = [
        (ShutdownReason::Poweroff, "poweroff", "shutdown"),
        (ShutdownReason::Reboot, "reboot", "shutdown"),
        (ShutdownReason::Crash, "crash", "crashed"),
        (ShutdownReason::Watchdog, "watchdog", "crashed"),
        (ShutdownReason::SoftReset, "soft_reset", "shutdown"),
    ];
    for release in RELEASES {
        for (reason, key, state) in reasons {
            for action in ACTIONS {
                let host = Host::new(release);
                let control = host.start();
                let before = host.everything();
                // Every other reason would do something else.
                let other = if action == "preserve" { "destroy" } else { "preserve" };
                let request = on(&host, |name| if name == key { action } else { other });
                let created = json_of(&control, "POST", "/v1/domains", Some(request), 201).await;
                let (domid, uuid) = (created["domain"]["domid"].clone(), created["domain"]["uuid"].clone());
                host.machine.advance_ns(60_000_000_000);
                host.stop(DomId(domid.as_u64().unwrap() as u16), reason);
                // A core dump is written beside.
                while control.observe().unwrap().is_some() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                assert_eq!(control.observe().unwrap(), None, "a second look changes nothing");
                let what = format!("{release} {reason:?} {action}");
                let all = json_of(&control, "GET", "/v1/domains", None, 200).await;
                let guests: Vec<&Value> = all.as_array().unwrap().iter().filter(|domain| domain["domid"] != 0).collect();
                let web = guests.iter().find(|domain| domain["name"] == "web").copied();
                match action {
                    "destroy" | "coredump-destroy" => assert!(guests.is_empty(), "{what}"),
                    "preserve" => {
                        assert_eq!((guests.len(), &guests[0]["state"], &guests[0]["domid"]), (1, &json!(state), &domid), "{what}")
                    }
                    "soft-reset" => {
                        let web = web.expect(&what);
                        assert_eq!((guests.len(), &web["domid"], &web["uuid"]), (1, &domid, &uuid), "{what}");
                        assert!(web["state"] == "running" || web["state"] == "blocked", "{what}: {web}");
                    }
                    _ => {
                        let web = web.expect(&what);
                        assert_ne!(web["domid"], domid, "{what}");
                        assert_eq!(web["uuid"], uuid, "{what}");
                        assert!(web["state"] == "running" || web["state"] == "blocked", "{what}: {web}");
                        assert_eq!(guests.len(), if action == "rename-restart" { 2 } else { 1 }, "{what}");
                    }
                }
                if action == "rename-restart" {
                    // Sixty seconds after the simulator's epoch.
                    let kept = guests.iter().find(|domain| domain["name"] == "web-20231114T2214Z").expect(&what);
                    assert_eq!((&kept["domid"], &kept["state"], &kept["held"]), (&domid, &json!(state), &json!(true)), "{what}");
                    assert_ne!(kept["uuid"], uuid, "{what}");
                    json_of(&control, "DELETE", "/v1/domains/web-20231114T2214Z", None, 204).await;
                }
                let dumps: Vec<_> = std::fs::read_dir(host.dir.path().join("run/state/dumps")).into_iter().flatten().flatten().collect();
                assert_eq!(dumps.len(), usize::from(action.starts_with("coredump")), "{what}");
                let crashes = json_of(&control, "GET", "/v1/crashes", None, 200).await;
                assert_eq!(crashes.as_array().unwrap().len(), usize::from(state == "crashed"), "{what}");
                if !action.ends_with("destroy") {
                    json_of(&control, "DELETE", "/v1/domains/web", None, 204).await;
                }
                assert_eq!(host.everything(), before, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_domain_that_makes_room_is_known_to_the_next_control() {
    let host = Host::new(Release::V4_17);
    let control = host.start();
    json_of(&control, "POST", "/v1/domains", Some(on(&host, |_| "rename-restart")), 201).await;
    for minute in ["14", "14", "16"] {
        host.stop(*host.domids().last().unwrap(), ShutdownReason::Crash);
        // The second one waits: it restarted soon after it had.
        while let Some(wait) = control.observe().unwrap() {
            host.machine.advance_ns(wait.as_nanos() as u64);
        }
        if minute == "14" && host.domids().len() == 3 {
            host.machine.advance_ns(150_000_000_000);
        }
    }
    drop(control);
    let control = host.start();
    let names =
        |all: Value| -> Vec<String> { all.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect() };
    let all = names(json_of(&control, "GET", "/v1/domains", None, 200).await);
    assert_eq!(all, ["Domain-0", "web-20231114T2213Z", "web-20231114T2213Z.2", "web-20231114T2215Z", "web"]);
    assert_eq!(control.observe().unwrap(), None);
    assert_eq!(names(json_of(&control, "GET", "/v1/domains", None, 200).await), all, "those that were kept stay so");
    let doctor = json_of(&control, "GET", "/v1/doctor", None, 200).await;
    assert_eq!(doctor["findings"], json!([]));
}

#[tokio::test]
async fn a_domain_is_renamed_with_its_stored_config() {
    for release in RELEASES {
        let host = Host::new(release);
        let control = host.start();
        let config = host.create_request("web")["config"].clone();
        json_of(&control, "PUT", "/v1/configs/web", Some(config), 201).await;
        let created = json_of(&control, "POST", "/v1/configs/web/start", None, 201).await;
        json_of(&control, "POST", "/v1/domains", Some(host.create_request("db")), 201).await;
        for (name, status, code) in
            [("db", 409, "name-in-use"), ("Domain-0", 422, "config-invalid"), ("17", 422, "config-invalid"), ("a/b", 422, "config-invalid")]
        {
            let problem = json_of(&control, "POST", "/v1/domains/web/rename", Some(json!({ "name": name })), status).await;
            assert_eq!(problem["code"], code, "{name}");
        }
        json_of(&control, "POST", "/v1/domains/web/rename", Some(json!({})), 422).await;
        json_of(&control, "POST", "/v1/domains/0/rename", Some(json!({ "name": "x" })), 409).await;
        let renamed = json_of(&control, "POST", "/v1/domains/web/rename", Some(json!({ "name": "www" })), 200).await;
        assert_eq!((&renamed["name"], &renamed["uuid"]), (&json!("www"), &created["domain"]["uuid"]));
        json_of(&control, "GET", "/v1/domains/web", None, 404).await;
        json_of(&control, "GET", "/v1/configs/web", None, 404).await;
        let stored = json_of(&control, "GET", "/v1/configs/www", None, 200).await;
        assert_eq!((&stored["pending"], &stored["domid"]), (&json!(false), &renamed["domid"]));
        let domid = DomId(renamed["domid"].as_u64().unwrap() as u16);
        assert_eq!(host.client().read_text(&path::domain(domid).name()).unwrap().as_deref(), Some("www"));
        // The name is free, and the next daemon knows who is who.
        json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
        drop(control);
        let control = host.start();
        assert_eq!(json_of(&control, "GET", "/v1/domains/www", None, 200).await["uuid"], created["domain"]["uuid"]);
        let doctor = json_of(&control, "GET", "/v1/doctor", None, 200).await;
        assert_eq!(doctor["findings"], json!([]), "{release}");
    }
}

/// What Xen and the store say of a domain's size: bound in KiB, target, availability.
fn size_of(host: &Host, domid: DomId) -> (u64, String, String) {
    let mut client = host.client();
    let mut read = |path| client.read_text(&path).unwrap().unwrap_or_default();
    let home = path::domain(domid);
    let online = [0, 1].map(|vcpu| read(home.vcpu_availability(vcpu))).join(" ");
    (host.xen().domain_info(domid).unwrap().unwrap().max_pages * 4, read(home.memory_target()), online)
}

#[tokio::test]
async fn a_domain_is_resized_while_it_runs_and_has_its_configs_size_at_its_next_start() {
    for release in RELEASES {
        let host = Host::new(release);
        let control = host.start();
        let before = host.everything();
        let mut request = host.create_request("web");
        request["config"]["vcpus"] = json!(2);
        let created = json_of(&control, "POST", "/v1/domains", Some(request), 201).await;
        let domid = DomId(created["domain"]["domid"].as_u64().unwrap() as u16);
        let whole = (17 << 10, "16384".to_owned(), "online online".to_owned());
        assert_eq!(size_of(&host, domid), whole, "{release}");
        let resize = "/v1/domains/web/resize";
        for (body, status, code) in [
            (json!({}), 400, "bad-request"),
            (json!({ "memory": "8GB" }), 422, "config-bad-value"),
            (json!({ "memory": 7 }), 422, "config-invalid"),
            (json!({ "memory": "12MiB", "vcpus": 0 }), 422, "config-invalid"),
            (json!({ "memory": "12MiB", "vcpu": 1 }), 422, "config-unknown-key"),
            (json!({ "memory": "17MiB" }), 409, "needs-restart"),
            (json!({ "memory": "12MiB", "vcpus": 3 }), 409, "needs-restart"),
        ] {
            let problem = json_of(&control, "POST", resize, Some(body.clone()), status).await;
            assert_eq!(problem["code"], code, "{body}");
        }
        json_of(&control, "POST", "/v1/domains/0/resize", Some(json!({ "vcpus": 1 })), 409).await;
        json_of(&control, "POST", "/v1/domains/db/resize", Some(json!({ "vcpus": 1 })), 404).await;
        assert_eq!(size_of(&host, domid), whole, "{release}: what is refused changes nothing");
        let resized = json_of(&control, "POST", resize, Some(json!({ "memory": "12MiB", "vcpus": 1 })), 200).await;
        assert_eq!(
            (&resized["name"], &resized["config"]["vcpus"], &resized["config"]["memory"]),
            (&json!("web"), &json!(2), &json!("16MiB"))
        );
        let small = (13 << 10, "12288".to_owned(), "online offline".to_owned());
        assert_eq!(size_of(&host, domid), small, "{release}");
        // The same again is no news, a part of it is its own, and a paused domain is told as well.
        json_of(&control, "POST", resize, Some(json!({ "memory": 12288 })), 200).await;
        json_of(&control, "POST", "/v1/domains/web/pause", None, 204).await;
        json_of(&control, "POST", resize, Some(json!({ "vcpus": 2 })), 200).await;
        assert_eq!(size_of(&host, domid), (small.0, small.1.clone(), whole.2.clone()), "{release}");
        let (_, _, log) = common::ask(&control, "GET", "/v1/events?since=0", "").await;
        let log: Vec<Value> = String::from_utf8(log).unwrap().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let told: Vec<&Value> = log.iter().filter(|event| event["kind"] == "domain-changed").collect();
        let details: Vec<&str> = told.iter().map(|event| event["detail"].as_str().unwrap()).collect();
        let name = format!("d{} web", domid.0);
        let expected = [format!("{name}: memory 16MiB to 12MiB, vcpus 2 to 1"), format!("{name}: vcpus 1 to 2")];
        assert_eq!(details, expected, "{release}");
        assert!(told.iter().all(|event| event["caller"] == "uid 0" && event["domain"]["name"] == "web"), "{told:?}");
        json_of(&control, "POST", "/v1/domains/web/restart", None, 204).await;
        let domid = *host.domids().last().unwrap();
        assert_eq!(size_of(&host, domid), whole, "{release}: forgotten");
        host.stop(domid, ShutdownReason::Suspend);
        let problem = json_of(&control, "POST", resize, Some(json!({ "vcpus": 1 })), 409).await;
        assert_eq!(problem["code"], "domain-state");
        json_of(&control, "DELETE", "/v1/domains/web", None, 204).await;
        assert_eq!(host.everything(), before, "{release}");
    }
}

#[tokio::test]
async fn a_domain_of_another_toolstack_is_resized_by_what_its_nodes_say() {
    for release in RELEASES {
        let host = Host::new(release);
        let control = host.start();
        // As stock xl leaves one, as far as it matters here: made by us, and forgotten.
        let mut request = host.create_request("theirs");
        request["config"]["vcpus"] = json!(2);
        json_of(&control, "POST", "/v1/domains", Some(request), 201).await;
        let domid = host.domids()[0];
        drop(control);
        std::fs::remove_dir_all(host.dir.path().join("run/domains")).unwrap();
        let control = host.start();
        let theirs = json_of(&control, "GET", "/v1/domains/theirs", None, 200).await;
        assert_eq!((&theirs["domid"], &theirs["config"]), (&json!(domid.0), &Value::Null), "{release}");
        let resize = "/v1/domains/theirs/resize";
        json_of(&control, "POST", resize, Some(json!({ "memory": "12MiB", "vcpus": 1 })), 200).await;
        assert_eq!(size_of(&host, domid), (13 << 10, "12288".to_owned(), "online offline".to_owned()), "{release}");
        json_of(&control, "POST", resize, Some(json!({ "memory": "16MiB", "vcpus": 3 })), 409).await;
        // An HVM domain's vcpus are its device model's business; its video memory is none of the target.
        let mut client = host.client();
        client.write(&path::libxl(domid).domain_type(), "hvm").unwrap();
        client.write(&path::domain(domid).memory_videoram(), "4096").unwrap();
        let problem = json_of(&control, "POST", resize, Some(json!({ "vcpus": 2 })), 409).await;
        assert_eq!(problem["code"], "domain-state", "{release}");
        json_of(&control, "POST", resize, Some(json!({ "memory": "16MiB" })), 200).await;
        assert_eq!(size_of(&host, domid), (17 << 10, "12288".to_owned(), "online offline".to_owned()), "{release}");
        client.rm(&path::domain(domid).memory_target()).unwrap();
        let problem = json_of(&control, "POST", resize, Some(json!({ "memory": "12MiB" })), 409).await;
        assert_eq!(problem["code"], "domain-state", "{release}");
    }
}

#[tokio::test]
async fn a_domain_that_restarts_too_soon_waits_longer_each_time_and_is_held() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    json_of(&control, "POST", "/v1/domains", Some(on(&host, |_| "restart")), 201).await;
    let mut waits = Vec::new();
    for _ in 0..8 {
        let before = host.domids();
        host.stop(before[0], ShutdownReason::Crash);
        let wait = control.observe().unwrap().expect("a restart waits");
        assert_eq!(host.domids(), before, "kept until its turn");
        waits.push(wait.as_secs());
        // A look in between changes nothing.
        host.machine.advance_ns(wait.as_nanos() as u64 / 2);
        assert_eq!(control.observe().unwrap(), Some(wait - wait / 2));
        host.machine.advance_ns((wait - wait / 2).as_nanos() as u64);
        assert_eq!(control.observe().unwrap(), None);
        assert_ne!(host.domids(), before);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 64]);
    let last = host.domids();
    host.stop(last[0], ShutdownReason::Crash);
    assert_eq!(control.observe().unwrap(), None);
    // It stays so, whatever time it is and whoever looks.
    host.machine.advance_ns(3_600_000_000_000);
    drop(control);
    let control = host.start();
    assert_eq!((control.observe().unwrap(), host.domids()), (None, last.clone()));
    let held = json_of(&control, "GET", "/v1/domains/web", None, 200).await;
    assert_eq!((&held["held"], &held["state"]), (&json!(true), &json!("crashed")));
    json_of(&control, "POST", "/v1/domains/web/restart", None, 204).await;
    assert_ne!(host.domids(), last);
    host.machine.advance_ns(11_000_000_000);
    host.stop(host.domids()[0], ShutdownReason::Crash);
    assert_eq!(control.observe().unwrap(), None, "it restarts at once, after a while of peace");
}

#[tokio::test]
async fn a_domain_destroyed_behind_our_back_is_cleaned_up_after() {
    for release in RELEASES {
        let host = Host::new(release);
        let control = host.start();
        let before = host.everything();
        json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
        host.xen().destroy_domain(host.domids()[0]).unwrap();
        control.observe().unwrap();
        assert_eq!(host.everything(), before, "{release}");
        json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
    }
}

#[tokio::test]
async fn the_next_control_knows_the_domains_and_what_their_configs_want() {
    for release in RELEASES {
        let host = Host::new(release);
        let control = host.start();
        let before = host.everything();
        json_of(&control, "POST", "/v1/domains", Some(on(&host, |reason| if reason == "poweroff" { "destroy" } else { "restart" })), 201)
            .await;
        drop(control);
        let control = host.start();
        let known = json_of(&control, "GET", "/v1/domains/web", None, 200).await;
        assert_eq!(known["config"]["on"]["crash"], "restart", "{release}");
        json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 409).await;
        drop(control);
        // It stops while nobody looks.
        host.stop(host.domids()[0], ShutdownReason::Poweroff);
        let control = host.start();
        control.observe().unwrap();
        assert_eq!(host.everything(), before, "{release}");
    }
}

#[tokio::test]
async fn names_that_others_gave_are_found_and_taken() {
    let host = Host::new(Release::V4_17);
    let control = host.start();
    json_of(&control, "POST", "/v1/domains", Some(host.create_request("ours")), 201).await;
    let ours = host.domids()[0];
    // What another toolstack does, as far as it matters here.
    let other = xen_abi::hypercall::domctl::createdomain::CreateDomain {
        domid: DomId::ANY,
        handle: [9; 16],
        ssidref: 0,
        flags: xen_abi::hypercall::domctl::createdomain::CreateFlags(3),
        max_vcpus: 1,
        max_evtchn_port: 10,
        max_grant_frames: None,
        max_maptrack_frames: None,
        max_grant_version: 1,
        cpupool: 0,
        emulation_flags: 1,
        relaxed_msr: false,
    };
    let theirs = host.xen().create_domain(&other).unwrap();
    assert_ne!(theirs, ours);
    let unnamed = json_of(&control, "GET", &format!("/v1/domains/{}", theirs.0), None, 200).await;
    assert_eq!(unnamed["name"], format!("({})", theirs.0));
    host.client().write(&path::domain(theirs).name(), "theirs").unwrap();
    control.observe().unwrap();
    let problem = json_of(&control, "POST", "/v1/domains", Some(host.create_request("theirs")), 409).await;
    assert_eq!(problem["code"], "name-in-use");
    assert_eq!(json_of(&control, "GET", "/v1/domains/theirs", None, 200).await["domid"], theirs.0);
    json_of(&control, "DELETE", "/v1/domains/theirs", None, 204).await;
    assert_eq!(host.domids(), [ours]);
    assert!(host.client().read_text(&path::domain(theirs).name()).unwrap().is_none());
}

#[tokio::test]
async fn a_shutdown_that_is_waited_for_ends_with_the_domain_or_with_the_time() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
    let problem = json_of(&control, "POST", "/v1/domains/web/shutdown", Some(json!({ "wait_seconds": 1 })), 409).await;
    assert_eq!(problem["code"], "timed-out");
    let waiting = {
        let control = control.clone();
        tokio::spawn(async move { json_of(&control, "POST", "/v1/domains/web/shutdown", Some(json!({ "wait_seconds": 60 })), 204).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    host.stop(host.domids()[0], ShutdownReason::Poweroff);
    control.observe().unwrap();
    tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("returns at once").unwrap();
    assert!(host.domids().is_empty());
}
