//! The codec: what is written is read again, in any split, and nonsense harms nobody.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use proptest::prelude::*;
use xen_store::path::StorePath;
use xen_store::wire::{self, Header, Message, MsgType, Parser, PayloadTooLong, XsError};

#[test]
fn golden_bytes() {
    let mut bytes = Vec::new();
    wire::encode(11, 0x0102_0304, 5, b"/a\0v", &mut bytes).unwrap();
    assert_eq!(bytes, [11, 0, 0, 0, 4, 3, 2, 1, 5, 0, 0, 0, 4, 0, 0, 0, b'/', b'a', 0, b'v']);
}

#[test]
fn numbers_and_names_are_the_headers() {
    let numbers: Vec<u32> = MsgType::ALL.iter().map(|kind| kind.number()).collect();
    let expected: Vec<u32> = (0..=26).filter(|number| *number != 20).collect();
    assert_eq!(numbers, expected);
    assert!(MsgType::ALL.iter().all(|kind| MsgType::from_number(kind.number()) == Some(*kind)));
    let names: Vec<&str> = XsError::ALL.iter().map(|error| error.name()).collect();
    let header = "EINVAL EACCES EEXIST EISDIR ENOENT ENOMEM ENOSPC EIO ENOTEMPTY ENOSYS EROFS EBUSY EAGAIN EISCONN E2BIG EPERM";
    assert_eq!(names.join(" "), header);
    assert!(XsError::ALL.iter().all(|error| XsError::from_payload(error.name().as_bytes()) == *error));
    assert_eq!(XsError::from_payload(b"ENOTHING\0"), XsError::Invalid);
}

#[test]
fn the_limit_holds_both_ways() {
    let mut out = Vec::new();
    assert_eq!(wire::encode(2, 0, 0, &[0; 4097], &mut out), Err(PayloadTooLong { len: 4097 }));
    assert!(out.is_empty());
    let mut parser = Parser::default();
    parser.push(&Header { kind: 2, req_id: 0, tx_id: 0, len: 4096 }.encode());
    assert_eq!(parser.next_message(), Ok(None));
    let mut parser = Parser::default();
    parser.push(&Header { kind: 2, req_id: 0, tx_id: 0, len: u32::MAX }.encode());
    assert_eq!(parser.next_message(), Err(PayloadTooLong { len: u32::MAX }));
}

#[test]
fn strings_end_with_a_nul() {
    let table: &[(&[u8], &[&str], Option<&str>)] = &[
        (b"", &[], None),
        (b"\0", &[""], Some("")),
        (b"a\0", &["a"], Some("a")),
        (b"a", &[], None),
        (b"a\0b", &["a"], None),
        (b"a\0b\0", &["a", "b"], None),
        (b"a\0\0", &["a", ""], None),
    ];
    for (payload, strings, one) in table {
        let found: Vec<&[u8]> = wire::strings(payload).collect();
        assert_eq!(found, strings.iter().map(|text| text.as_bytes()).collect::<Vec<_>>(), "{payload:?}");
        assert_eq!(wire::one_string(payload), one.map(str::as_bytes), "{payload:?}");
    }
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let message = (any::<u32>(), any::<u32>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..200));
    let message = message.prop_map(|(kind, req_id, tx_id, payload)| Message { kind, req_id, tx_id, payload });
    prop::collection::vec(message, 0..10)
}

#[test]
fn relative_paths_are_sent_as_they_are() {
    for (text, sent, parent) in
        [("data/x", "data/x", "data"), ("name", "name", "/"), ("/a/b", "/a/b", "/a"), ("@releaseDomain", "@releaseDomain", "/")]
    {
        let path = StorePath::as_sent(text).unwrap();
        assert_eq!((path.as_str(), path.parent().as_str(), path.child("c").as_str()), (sent, parent, format!("{sent}/c").as_str()));
    }
    for bad in ["", "a//b", "a/", "a b", "ä"] {
        assert!(StorePath::as_sent(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_messages(messages in messages(), cuts in prop::collection::vec(1usize..300, 1..20)) {
        let mut bytes = Vec::new();
        for message in &messages {
            message.encode(&mut bytes).unwrap();
        }
        let mut parser = Parser::default();
        let mut parsed = Vec::new();
        let mut rest = bytes.as_slice();
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            parser.push(now);
            rest = later;
            while let Some(message) = parser.next_message().unwrap() {
                parsed.push(message);
            }
        }
        prop_assert_eq!(parsed, messages);
        prop_assert_eq!(parser.buffered(), 0);
    }

    #[test]
    fn valid_paths_are_made_of_their_components(text in "[a-z/@_-]{0,20}") {
        if let Ok(path) = StorePath::parse(&format!("/{text}")) {
            let joined: String = path.components().map(|part| format!("/{part}")).collect();
            prop_assert_eq!(if joined.is_empty() { "/" } else { &joined }, path.as_str());
            let child = path.child("x");
            prop_assert_eq!(child.parent(), path);
        }
    }

    #[test]
    fn every_request_of_any_client_gets_one_reply(
        who in prop::sample::select(vec!["t", "5"]),
        requests in prop::collection::vec((0u32..30, 0u32..3, payload()), 1..20),
    ) {
        let mut store = common::Store::new();
        for (kind, tx_id, payload) in requests {
            let mut bytes = Vec::new();
            wire::encode(kind, 1, tx_id, &payload, &mut bytes).unwrap();
            prop_assert_eq!(store.send_raw(who, &bytes).len(), 1);
        }
        prop_assert_eq!(store.ask("checker", MsgType::Control, 0, b"check\0"), "OK|");
    }
}

/// Bytes that look like what clients send, and bytes that do not.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "(/|@releaseDomain|/local/domain/|/a|/a/b|a|T|5|0|n5|r0|\u{0}){0,8}".prop_map(String::into_bytes),
    ]
}
