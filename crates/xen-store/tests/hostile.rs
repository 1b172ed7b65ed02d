//! Inputs that have brought down other xenstoreds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::Store;
use xen_store::wire::{self, Header, MsgType};

#[test]
fn depth_costs_no_stack() {
    // XSA-418: a path as deep as a message allows, made, watched, listed, removed and dropped on a small stack.
    let deep = "/d".repeat(2000);
    let body = move || {
        let mut store = Store::new();
        for line in
            ["WRITE {}|x -> OK|", "WATCH {}|w| -> OK|", "WATCH /d|top| -> OK|", "READ {}| -> x", "RM /d| -> OK|", "UNWATCH {}|w| -> OK|"]
        {
            store.run(&format!("t {}", line.replace("{}", &deep)));
        }
        store.run(&format!("t WRITE {deep}|x -> OK|\n5 READ {deep}| -> !EINVAL"));
        store.states(&[(5, xen_store::server::DomainState::Gone)]);
        drop(store);
    };
    let thread = std::thread::Builder::new().stack_size(192 * 1024).spawn(body);
    thread.unwrap().join().unwrap();
}

#[test]
fn an_over_long_message_breaks_only_its_sender() {
    let mut store = Store::new();
    store.run("t WRITE /a|1 -> OK|\n5 WATCH /a|w| -> OK|\n5 <= /a|w|");
    let header = Header { kind: 2, req_id: 0, tx_id: 0, len: 4097 };
    assert!(store.send_raw("5", &header.encode()).is_empty());
    let mut request = Vec::new();
    wire::encode(MsgType::GetDomainPath.number(), 0, 0, b"5\0", &mut request).unwrap();
    assert!(store.send_raw("5", &request).is_empty(), "nobody listens any more");
    let ring = store.conn("5");
    assert_eq!(store.server.room(ring), 0);
    store.run("t READ /a| -> 1\nt IS_DOMAIN_INTRODUCED 5| -> T|");
}

#[test]
fn replies_never_exceed_the_limit() {
    let mut store = Store::new();
    let value = vec![b'x'; 4000];
    store.request("t", MsgType::Write, 0, &[b"/a\0".as_slice(), &value].concat());
    assert_eq!(store.request("t", MsgType::Read, 0, b"/a\0").payload, value);
    for n in 0..600 {
        store.request("t", MsgType::Mkdir, 0, format!("/d/child{n}\0").as_bytes());
    }
    assert_eq!(store.ask("t", MsgType::Directory, 0, b"/d\0"), "!E2BIG");
}
