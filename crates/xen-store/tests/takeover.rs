//! A server written down and read back goes on as if nothing had happened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::Store;
use xen_abi::Port;
use xen_store::quota::Quota;
use xen_store::server::{LoadError, Loaded, Outside, Senseless, Server};
use xen_store::stream::Version;
use xen_store::wire::{self, MsgType};

fn outside(store: &Store) -> Outside {
    Outside { socket_fd: Some(5), evtchn_fd: Some(6), ends: store.ends(), asker: None }
}

fn load(stream: &[u8]) -> Loaded {
    Server::load(Quota::default(), stream).expect("our own stream")
}

/// Writes a store down, reads it back, and goes on with the copy.
fn pass_on(store: &mut Store, version: Version) {
    store.settle();
    let stream = store.server.dump(version, &outside(store)).expect("everything can be said");
    store.go_on_as(load(&stream));
    let again = store.server.dump(version, &outside(store)).expect("everything can be said");
    let renamed = |stream: &[u8]| load(stream).server.dump(version, &Outside::default()).expect("everything can be said");
    assert!(renamed(&again) == renamed(&stream), "the copy says the same");
}

const BEFORE: &str = "
    t WRITE /local/domain/5|                 -> OK|
    t SET_PERMS /local/domain/5|n5|r0|       -> OK|
    5 WRITE data/deep/er|x                   -> OK|
    5 WRITE data/empty|                      -> OK|
    7 WRITE /local/domain/7|                 -> !EACCES
    t WRITE /shared|one                      -> OK|
    t SET_PERMS /shared|n0|b7|r5|            -> OK|
    t SET_TARGET 7|5|                        -> OK|
    t WATCH /shared|here|                    -> OK|
    t <= /shared|here|
    5 WATCH data|rel|                        -> OK|
    5 <= data|rel|
    u WATCH @releaseDomain|gone|             -> OK|
    u <= @releaseDomain|gone|
";

const AFTER: &str = "
    5 READ data/deep/er|                     -> x
    t DIRECTORY /local/domain/5/data|        -> deep|empty|
    t GET_PERMS /shared|                     -> n0|b7|r5|
    7 WRITE /local/domain/5/data/empty|y     -> OK|
    5 <= data/empty|rel|
    5 READ data/empty|                       -> y
    7 WRITE /shared|two                      -> OK|
    t <= /shared|here|
    5 WRITE /shared|no                       -> !EACCES
    t IS_DOMAIN_INTRODUCED 5|                -> T|
    u UNWATCH @releaseDomain|gone|           -> OK|
    u WATCH @releaseDomain|again|            -> OK|
    u <= @releaseDomain|again|
    dies 5
    u <= @releaseDomain|again|
    t READ /local/domain/5/data|             -> !ENOENT
";

#[test]
fn nodes_watches_rights_and_domains_are_carried() {
    for version in [Version::V1, Version::V2] {
        let mut store = Store::new();
        store.run(BEFORE);
        pass_on(&mut store, version);
        store.run(AFTER);
    }
}

#[test]
fn what_a_dead_domain_was_allowed_is_not_its_successors() {
    let mut store = Store::new();
    store.run(
        "
        t WRITE /a|1                  -> OK|
        5 READ /none|                 -> !EACCES
        t SET_PERMS /a|n0|b5|         -> OK|
        dies 5
    ",
    );
    store.run("5 READ /a| -> !EACCES");
    pass_on(&mut store, Version::V1);
    store.run(
        "
        5 READ /a|                    -> !EACCES
        t GET_PERMS /a|               -> n0|b5|
    ",
    );
}

#[test]
fn depths_limits_and_features_are_carried_by_version_2() {
    let mut store = Store::new();
    store.run(
        "
        5 READ /|                     -> !EACCES
        t SET_QUOTA nodes|77|         -> OK|
        t SET_QUOTA 5|watches|9|      -> OK|
        t SET_FEATURE 8|2|            -> OK|
        8 READ /|                     -> !EACCES
        t WATCH /|deep|1|             -> OK|
        t <= /|deep|
    ",
    );
    pass_on(&mut store, Version::V2);
    store.run(
        "
        t GET_QUOTA nodes|            -> 77|
        t GET_QUOTA 5|watches|        -> 9|
        t GET_QUOTA 5|nodes|          -> 77|
        8 GET_FEATURE                 -> 2|
        t WRITE /a|                   -> OK|
        t <= /a|deep|
        t WRITE /a/b|                 -> OK|
        t <= -
    ",
    );
}

#[test]
fn version_1_makes_a_watch_with_a_depth_hear_more_and_never_less() {
    let mut store = Store::new();
    store.run(
        "
        t WATCH /|deep|1|             -> OK|
        t <= /|deep|
    ",
    );
    pass_on(&mut store, Version::V1);
    store.run(
        "
        t WRITE /a/b|                 -> OK|
        t <= /a/b|deep|
    ",
    );
}

/// Every cut of a request, and every cut of a reply.
#[test]
fn half_a_request_and_half_a_reply_are_carried() {
    let mut request = Vec::new();
    wire::encode(MsgType::Read.number(), 9, 0, b"/a\0", &mut request).unwrap();
    let mut reply = Vec::new();
    wire::encode(MsgType::Read.number(), 9, 0, b"a value", &mut reply).unwrap();
    let fresh = || {
        let mut store = Store::new();
        store.run("t WRITE /a|a value -> OK|");
        store
    };
    for cut in 0..=request.len() {
        let mut store = fresh();
        let conn = store.conn("5");
        store.run("t SET_PERMS /a|n0|r5| -> OK|");
        store.server.input(conn, &request[..cut]);
        pass_on(&mut store, Version::V1);
        let conn = store.conn("5");
        store.server.input(conn, &request[cut..]);
        store.settle();
        let mut sent = Vec::new();
        store.server.output(conn, 1000, &mut sent);
        assert_eq!(sent, reply, "request cut at {cut}");
    }
    for cut in 0..=reply.len() {
        let mut store = fresh();
        let conn = store.conn("t");
        store.server.input(conn, &request);
        store.settle();
        let mut sent = Vec::new();
        store.server.output(conn, cut, &mut sent);
        store.server.sent(conn, sent.len());
        pass_on(&mut store, Version::V1);
        let conn = store.conn("t");
        store.server.output(conn, 1000, &mut sent);
        assert_eq!(sent, reply, "reply cut at {cut}");
    }
}

#[test]
fn who_asked_for_the_live_update_reads_its_answer_from_the_next_store() {
    let mut store = Store::new();
    let conn = store.conn("t");
    for (req_id, payload) in [(1, b"live-update\0-f\0/x\0".as_slice()), (2, b"live-update\0-s\0-t\x0060\0")] {
        let mut request = Vec::new();
        wire::encode(MsgType::Control.number(), req_id, 0, payload, &mut request).unwrap();
        store.server.input(conn, &request);
    }
    store.settle();
    assert!(store.effects.iter().any(|effect| matches!(effect, xen_store::server::Effect::LiveUpdate(_))));
    let stream = store.server.dump(Version::V1, &Outside { asker: Some(conn), ..outside(&store) }).unwrap();
    store.go_on_as(load(&stream));
    let replies: Vec<_> = store.receive("t").into_iter().map(|reply| (reply.kind, reply.req_id, reply.payload)).collect();
    let control = MsgType::Control.number();
    assert_eq!(replies, [(control, 1, b"OK\0".to_vec()), (control, 2, b"OK\0".to_vec())]);
}

#[test]
fn a_ring_that_broke_the_protocol_stays_broken_and_its_domain_is_still_known() {
    let mut store = Store::new();
    let conn = store.conn("5");
    store.server.input(conn, &[0xff; 16]);
    pass_on(&mut store, Version::V1);
    store.run(
        "
        t IS_DOMAIN_INTRODUCED 5|     -> T|
        t WATCH @releaseDomain|w|     -> OK|
        t <= @releaseDomain|w|
        dies 5
        t <= @releaseDomain|w|
    ",
    );
}

/// 16 bytes of header, then records: a node without its parent, a watch of nobody.
#[test]
fn a_stream_that_makes_no_sense_says_why() {
    let after = |record: &[u8]| [b"xenstore\0\0\0\x01\0\0\0\0", record, &[0; 8]].concat();
    let orphan = b"\x05\0\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\x01\0n\0\0\0/a/b\0\0\0\0\0\0\0\0";
    let nobody = b"\x03\0\0\0\x10\0\0\0\x07\0\0\0\x03\0\x02\0/a\0t\0\0\0\0";
    for (record, why) in [(orphan.as_slice(), Senseless::NoParent), (nobody, Senseless::NoConnection)] {
        let error = Server::load(Quota::default(), &after(record)).expect_err("it makes no sense");
        assert!(matches!(error, LoadError::Senseless { why: found, .. } if found == why), "{error}");
    }
}

/// As oxenstored 4.17 and 4.20 write it: the `@` nodes are children of the root, permissions end with NUL or stand between NULs.
fn ocaml_dump() -> String {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let store = |path: &str, perms: &str, value: &str| format!("store,{},{},{}\n", hex(path), hex(perms), hex(value));
    [
        "$xenstored-dump-format\nglobal,5\nevtchn-dev,6,1\nsocket,21\n".to_owned(),
        format!("watch,-21,{},{}\n", hex("/local"), hex("mine")),
        "dom,5,1,7,105\n".to_owned(),
        format!("watch,5,{},{}\n", hex("data"), hex("rel")),
        store("/", "n0", ""),
        store("/@releaseDomain", "n0\0r5", ""),
        store("/local", "n0", "a,\n"),
        store("/local/domain", "n0", ""),
        store("/local/domain/5", "n5\0r0", ""),
        store("/local/domain/5/data", "n5\0r0", "x"),
        "news,of,a,later,release\n".to_owned(),
    ]
    .concat()
}

#[test]
fn what_oxenstored_writes_is_loaded() {
    let loaded = load(ocaml_dump().as_bytes());
    assert_eq!((loaded.descriptors.socket_fd, loaded.descriptors.evtchn_fd, loaded.virq), (Some(5), Some(6), Some(Port(1))));
    let mut store = Store::new();
    store.conn("5");
    // The harness gives a socket the number of its connection and 20.
    assert_eq!(store.conn("t").0, 1);
    store.go_on_as(loaded);
    store.run(
        "
        t GET_PERMS /local|                 -> n0|
        t GET_PERMS @releaseDomain|         -> n0|r5|
        5 READ data|                        -> x
        5 WRITE data|y                      -> OK|
        t <= /local/domain/5/data|mine|
        5 <= data|rel|
    ",
    );
}

#[test]
fn a_broken_text_says_which_line() {
    for (line, what) in [
        ("global,x", "the listening socket"),
        ("dom,5,1,7", "a domain with both its ports"),
        ("watch,9,2f,74", "a watch of a client that came before"),
        ("store,2f6,6e30,", "a node"),
        ("store,2f61,7830,", "a node"),
    ] {
        let error = Server::load(Quota::default(), format!("$xenstored-dump-format\n{line}\n").as_bytes()).expect_err(line);
        assert_eq!(error.to_string(), format!("oxenstored's dump, line 2: {what} cannot be read"));
    }
}
