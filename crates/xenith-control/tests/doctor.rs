//! The doctor: every kind of leftover is found, named, and cleaned up where that is possible; nothing that lives is touched.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::{Host, ask_as, json_of};
use serde_json::{Value, json};
use xen_abi::hypercall::domctl::createdomain::{CreateDomain, CreateFlags, X86_EMU_LAPIC};
use xen_abi::hypercall::sched::ShutdownReason;
use xen_abi::{DomId, Gfn, Release};
use xen_hv::{Access, ForeignMemory};
use xen_store::client::Requests;
use xen_store::path::{self, DeviceKind};
use xenith_api::latest::Role;
use xenith_control::{Caller, Control, ControlConfig};
use xenith_engine::run::{Moment, Next};

/// Kind, subject, cleanable, cleaned.
fn told(diagnosis: &Value) -> Vec<(String, String, bool, bool)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |one: &Value| (text(&one["kind"]), text(&one["subject"]), one["cleanable"] == true, one["cleaned"] == true);
    diagnosis["findings"].as_array().unwrap().iter().map(one).collect()
}

/// A domain as a toolstack that died over it leaves it.
fn half_made(host: &Host) -> DomId {
    let request = CreateDomain {
        domid: DomId::ANY,
        handle: [7; 16],
        ssidref: host.machine.release().initial_domu_sid(),
        flags: CreateFlags(xen_abi::hypercall::domctl::createdomain::CDF_HVM | xen_abi::hypercall::domctl::createdomain::CDF_HAP),
        max_vcpus: 1,
        max_evtchn_port: 1023,
        max_grant_frames: None,
        max_maptrack_frames: None,
        max_grant_version: 2,
        cpupool: 0,
        emulation_flags: X86_EMU_LAPIC,
        relaxed_msr: false,
    };
    host.xen().create_domain(&request).unwrap()
}

#[tokio::test]
async fn leftovers_of_every_kind_are_found_and_cleaned_up() {
    for release in [Release::V4_14, Release::V4_17, Release::V4_22] {
        let host = Host::new(release);
        let control = host.start();
        json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
        json_of(&control, "POST", "/v1/domains", Some(host.create_request("idle")), 201).await;
        json_of(&control, "POST", "/v1/domains/idle/pause", None, 204).await;
        assert_eq!(json_of(&control, "GET", "/v1/doctor", None, 200).await, json!({ "clean": true, "findings": [] }), "{release}");
        let own = DomId(json_of(&control, "GET", "/v1/domains/web", None, 200).await["domid"].as_u64().unwrap() as u16);
        host.xen().set_max_mem(own, 64 << 10).unwrap();
        let before = host.everything();

        let gone = DomId(99);
        let vm = uuid::Uuid::from_u128(99);
        let half = half_made(&host);
        host.xen().claim_pages(own, (64 << 10) / 4).unwrap();
        let port = host.xen().alloc_unbound(DomId::DOM0, gone).unwrap();
        let nodes = [
            path::domain(gone).name(),
            path::libxl(gone).device_of(DeviceKind::Vbd, 1).backend(),
            path::backend(DomId::DOM0, DeviceKind::Vbd, gone, 1).state(),
            path::vm(vm).name(),
        ];
        nodes.iter().for_each(|node| host.client().write(node, "x").unwrap());

        let found = |cleaned| {
            let one = |kind: &str, subject: String, cleanable: bool| (kind.to_owned(), subject, cleanable, cleanable && cleaned);
            vec![
                one("half-made-domain", half.to_string(), true),
                one("leftover-nodes", path::vm(vm).root().to_string(), true),
                one("leftover-nodes", gone.to_string(), true),
                one("leftover-event-channel", format!("port {}", port.0), false),
                one("leftover-claim", own.to_string(), true),
            ]
        };
        assert_eq!(told(&json_of(&control, "GET", "/v1/doctor", None, 200).await), found(false), "{release}");
        let cleaned = json_of(&control, "POST", "/v1/doctor/clean", None, 200).await;
        assert_eq!((told(&cleaned), &cleaned["clean"]), (found(true), &json!(false)), "{release}");
        host.xen().close_port(port).unwrap();
        assert_eq!(json_of(&control, "GET", "/v1/doctor", None, 200).await["clean"], true, "{release}");
        let mut after = host.everything();
        after.1.retain(|line| before.1.contains(line));
        assert_eq!(after, before, "{release}: what lives was touched");
    }
}

#[tokio::test]
async fn a_zombie_is_named_with_who_may_hold_it() {
    let host = Host::new(Release::V4_20);
    let proc_dir = host.dir.path().join("proc");
    std::fs::create_dir_all(proc_dir.join("812")).unwrap();
    std::fs::write(proc_dir.join("812/comm"), "qemu\n").unwrap();
    std::fs::write(proc_dir.join("812/maps"), "7f00-7f01 rw-s 00000000 00:06 42 /dev/xen/gntdev\n").unwrap();
    let control = Arc::new(Control::start(ControlConfig { proc_dir, ..host.config() }).unwrap());
    let made = json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
    let domid = DomId(made["domain"]["domid"].as_u64().unwrap() as u16);
    let process = host.machine.process(DomId::DOM0, "qemu").unwrap();
    let pages = ForeignMemory::map(&process, domid, &[Gfn(0x100)], Access::Read).unwrap();
    json_of(&control, "DELETE", "/v1/domains/web?wait=60", None, 204).await;
    let told = json_of(&control, "GET", "/v1/doctor", None, 200).await;
    let zombie = &told["findings"][0];
    assert_eq!((&zombie["kind"], &zombie["subject"]), (&json!("dying-domain"), &json!(domid.to_string())), "{told}");
    assert_eq!(zombie["holders"], json!([{ "pid": 812, "name": "qemu", "through": "/dev/xen/gntdev" }]));
    assert!(zombie["memory_kib"].as_u64().unwrap() > 0);
    assert_eq!(json_of(&control, "POST", "/v1/doctor/clean", None, 200).await["clean"], false);
    drop(pages);
    assert_eq!(json_of(&control, "GET", "/v1/doctor", None, 200).await, json!({ "clean": true, "findings": [] }));
}

/// Kills control after so many moments of a create; the next one starts while the store is away. Gives what the doctor found.
async fn killed_after(moments: i64) -> Vec<(String, String, bool, bool)> {
    let host = Host::new(Release::V4_17);
    drop(host.start());
    let before = host.everything();
    let left = AtomicI64::new(moments);
    let hook = Arc::new(move |_: Moment| if left.fetch_sub(1, Ordering::Relaxed) > 0 { Next::Go } else { Next::Die });
    let killed = Arc::new(Control::start(ControlConfig { hook, ..host.config() }).unwrap());
    let _ = common::ask(&killed, "POST", "/v1/domains?wait=60", host.create_request("web").to_string()).await;
    host.store_up.store(false, Ordering::Relaxed);
    drop(killed);
    let control = host.start();
    host.store_up.store(true, Ordering::Relaxed);
    let found = told(&json_of(&control, "GET", "/v1/doctor", None, 200).await);
    let cleaned = json_of(&control, "POST", "/v1/doctor/clean", None, 200).await;
    assert_eq!(cleaned["clean"], true, "{moments}: {cleaned}");
    assert_eq!(json_of(&control, "GET", "/v1/doctor", None, 200).await["findings"], json!([]), "{moments}");
    let _ = common::ask(&control, "DELETE", "/v1/domains/web?wait=60", "").await;
    assert_eq!(host.everything(), before, "{moments}");
    found
}

#[tokio::test]
async fn what_a_killed_daemon_left_is_found_and_finished() {
    let mut unfinished = 0;
    for moments in 1..60 {
        let found = killed_after(moments).await;
        let operation = ("unfinished-operation".to_owned(), "create web".to_owned(), true, false);
        // The way back may have come past the domain, to nodes that it could not remove.
        let nodes = ("leftover-nodes".to_owned(), "d1".to_owned(), true, false);
        let (one, both) = ([operation.clone()], [nodes, operation]);
        assert!(found.is_empty() || found == one || found == both, "{moments}: {found:?}");
        unfinished += found.len();
    }
    assert!(unfinished > 0, "no kill left anything to find");
}

#[tokio::test]
async fn a_stopped_domain_that_is_kept_is_no_leftover_and_only_admins_clean() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    let mut request = host.create_request("web");
    request["config"]["on"] = json!({ "crash": "preserve" });
    let made = json_of(&control, "POST", "/v1/domains", Some(request), 201).await;
    host.stop(DomId(made["domain"]["domid"].as_u64().unwrap() as u16), ShutdownReason::Crash);
    control.observe().unwrap();
    assert_eq!(json_of(&control, "GET", "/v1/doctor", None, 200).await["clean"], true);
    let operator = Caller { uid: 1000, pid: 1, role: Role::Operator };
    assert_eq!(ask_as(operator, &control, "POST", "/v1/doctor/clean", "").await.0, 403);
}
