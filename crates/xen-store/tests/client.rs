//! The client, against a server in the same process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use xen_abi::{DomId, Gfn, Port};
use xen_store::client::{Client, ClientError, Loopback, Request, Requests};
use xen_store::path::{self, StorePath};
use xen_store::perms::{Perm, Rights};
use xen_store::server::ConnKind;
use xen_store::wire::XsError;

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

fn two() -> (Client<Loopback>, Client<Loopback>) {
    let one = Loopback::new();
    let other = Loopback::join(one.server().clone(), ConnKind::Socket);
    (Client::new(one), Client::new(other))
}

#[test]
fn each_request() {
    let (mut client, _) = two();
    let dom5 = path::domain(DomId(5));
    client.write(&dom5.name(), "guest").unwrap();
    assert_eq!(client.read(&dom5.name()).unwrap(), b"guest");
    assert_eq!(client.read_text(&dom5.vm()).unwrap(), None);
    client.mkdir(&dom5.data()).unwrap();
    assert_eq!(client.directory(dom5.root()).unwrap(), ["name", "data"]);
    assert_eq!(client.directory(&path("/none")).unwrap(), [""; 0]);
    let perms = [Perm::new(DomId(5), Rights::NONE), Perm::new(DomId(0), Rights::BOTH)];
    client.set_perms(&dom5.data(), &perms).unwrap();
    assert_eq!(client.get_perms(&dom5.data()).unwrap(), perms);
    client.rm(dom5.root()).unwrap();
    client.rm(dom5.root()).unwrap();
    client.introduce(DomId(5), Gfn(1), Port(2)).unwrap();
    assert!(client.is_domain_introduced(DomId(5)).unwrap());
    client.release(DomId(5)).unwrap();
    assert!(!client.is_domain_introduced(DomId(5)).unwrap());
    let error = client.read(&dom5.name()).unwrap_err();
    assert_eq!(error.to_string(), "xenstore READ /local/domain/5/name: ENOENT");
}

#[test]
fn a_directory_too_long_for_one_reply() {
    let (mut client, _) = two();
    let names: Vec<String> = (0..2000).map(|n| format!("some-child-{n}")).collect();
    let requests: Vec<Request> = names.iter().map(|name| Request::mkdir(&path("/d").child(name))).collect();
    client.pipeline_all(&requests).unwrap();
    assert_eq!(client.directory(&path("/d")).unwrap(), names);
}

#[test]
fn batches_are_counted() {
    let (mut client, _) = two();
    let requests = [Request::write(&path("/a"), "1"), Request::read(&path("/a")), Request::read(&path("/none"))];
    let replies = client.pipeline(&requests).unwrap();
    assert_eq!(replies, [Ok(b"OK\0".to_vec()), Ok(b"1".to_vec()), Err(XsError::NoEntry)]);
    assert_eq!((client.counters().requests, client.counters().waits), (3, 1));
    let error = client.pipeline_all(&requests).unwrap_err();
    assert_eq!(error.refusal(), Some(XsError::NoEntry));
    let big: Vec<Request> = (0..20).map(|_| Request::write(&path("/a"), vec![b'x'; 4000])).collect();
    let before = client.counters();
    client.pipeline_all(&big).unwrap();
    assert_eq!(client.counters().waits - before.waits, 3, "a window holds eight of these");
}

#[test]
fn commit_is_all_or_nothing_and_commit_blind_two_waits() {
    let (mut client, _) = two();
    let good = [Request::write(&path("/a"), "1"), Request::write(&path("/b"), "2")];
    let bad = [Request::write(&path("/c"), "1"), Request::read(&path("/none"))];
    client.commit(&good).unwrap();
    assert_eq!((client.counters().requests, client.counters().waits), (4, 3));
    assert_eq!(client.commit(&bad).unwrap_err().refusal(), Some(XsError::NoEntry));
    assert_eq!(client.read_text(&path("/c")).unwrap(), None);
    let before = client.counters();
    client.commit_blind(&good).unwrap();
    assert_eq!(client.counters().waits - before.waits, 2);
    assert_eq!(client.commit_blind(&bad).unwrap_err().refusal(), Some(XsError::NoEntry));
    assert_eq!(client.read_text(&path("/c")).unwrap().as_deref(), Some("1"));
}

#[test]
fn a_transaction_is_tried_again_when_it_met_another() {
    let (mut client, mut other) = two();
    client.write(&path("/n"), "0").unwrap();
    let mut tries = 0;
    let read = client.transaction(|tx| {
        let value = tx.read(&path("/n"))?;
        if tries < 3 {
            tries += 1;
            other.write(&path("/n"), tries.to_string())?;
        }
        tx.write(&path("/copy"), &value)?;
        Ok(value)
    });
    assert_eq!((tries, read.unwrap()), (3, b"3".to_vec()));
    assert_eq!(client.read(&path("/copy")).unwrap(), b"3");
    let never = client.transaction(|tx| {
        let value = tx.read(&path("/n"))?.len();
        other.write(&path("/n"), "x".repeat(value + 1))
    });
    assert!(matches!(never, Err(ClientError::Conflict { tries: 1000 })), "{never:?}");
}

#[test]
fn a_transaction_whose_body_fails_is_dropped() {
    let (mut client, mut other) = two();
    let failed = client.transaction(|tx| {
        tx.write(&path("/a"), "1")?;
        tx.read(&path("/none"))
    });
    assert_eq!(failed.unwrap_err().refusal(), Some(XsError::NoEntry));
    assert_eq!(other.read_text(&path("/a")).unwrap(), None);
}

#[test]
fn events_wait_in_order_merged_and_bounded() {
    let (mut client, mut other) = two();
    client.watch(&path("/w"), "t").unwrap();
    for name in ["/w/a", "/w/b", "/w/a"] {
        other.write(&path(name), "1").unwrap();
    }
    client.read(&path("/w/a")).unwrap();
    let mut heard = Vec::new();
    while let Some(event) = client.try_event().unwrap() {
        heard.push(event.path);
    }
    assert_eq!(heard, ["/w", "/w/a", "/w/b"]);
    assert_eq!(client.wait_event(Some(Duration::from_millis(1))).unwrap(), None);
    for n in 0..5000 {
        other.write(&path(&format!("/w/{n}")), "1").unwrap();
    }
    client.read(&path("/w/a")).unwrap();
    assert!(matches!(client.try_event(), Err(ClientError::EventsLost)));
    let mut count = 0;
    while client.try_event().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 4096);
}

#[test]
fn paths_are_spelled_once() {
    use xen_store::path::{DeviceKind, backend, frontend, libxl, pool, tool, vm};
    let d5 = DomId(5);
    let table: &[(&StorePath, &str)] = &[
        (&path::domain(d5).memory_target(), "/local/domain/5/memory/target"),
        (&path::domain(d5).vcpu_availability(3), "/local/domain/5/cpu/3/availability"),
        (&frontend(d5, DeviceKind::Vbd, 51712).ring_ref(), "/local/domain/5/device/vbd/51712/ring-ref"),
        (&backend(DomId(0), DeviceKind::Console, d5, 0).state(), "/local/domain/0/backend/console/5/0/state"),
        (&libxl(d5).device_of(DeviceKind::Console, 0).backend(), "/libxl/5/device/console/0/backend"),
        (&vm("b2c1").image_kernel(), "/vm/b2c1/image/kernel"),
        (&pool(0).name(), "/local/pool/0/name"),
        (&tool::xenstored(), "/tool/xenstored"),
        (&path("/a").child("../b c"), "/a/___b_c"),
        (&StorePath::root().child("x"), "/x"),
        (&path("/a/b").parent(), "/a"),
        (&path("/a").parent(), "/"),
        (&path("@releaseDomain").parent(), "/"),
    ];
    for (made, expected) in table {
        assert_eq!(made.as_str(), *expected);
        assert!(StorePath::parse(expected).is_ok());
    }
    assert_eq!(path::domid_of("/local/domain/12/data"), Some(DomId(12)));
    assert_eq!(path::domid_of("/local/domain"), None);
    assert_eq!(path::domid_of("/libxl/5"), None);
}
