//! CONTROL `report`: who does what, in parts where a message is full.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;

use common::Store;
use xen_store::wire::{MsgType, PAYLOAD_MAX};

/// Lines by their subject, each a table of figures.
fn report(store: &mut Store, words: &str) -> BTreeMap<String, BTreeMap<String, u64>> {
    let text = store.ask("asker", MsgType::Control, 0, words.replace('|', "\0").as_bytes());
    assert!(text.len() <= PAYLOAD_MAX && text.ends_with("\n|"), "{text}");
    let figure = |word: &str| word.split_once('=').map_or((word.to_owned(), 0), |(key, value)| (key.to_owned(), value.parse().unwrap()));
    let line = |line: &str| {
        let (subject, figures) = line.split_once(' ').unwrap();
        (subject.to_owned(), figures.split(' ').map(figure).collect())
    };
    text.trim_end_matches('|').lines().map(line).collect()
}

#[test]
fn figures_are_those_of_what_was_done() {
    let mut store = Store::new();
    store.run(
        "t MKDIR /local/domain/5| -> OK|
         t SET_PERMS /local/domain/5|n5| -> OK|
         5 WATCH a|1| -> OK|
         5 WRITE a|12345 -> OK|
         5 READ /none| -> !EACCES
         5 TRANSACTION_START | -> 1|
         5@1 WRITE a|1 -> OK|
         5@1 TRANSACTION_END T| -> OK|
         5 TRANSACTION_START | -> 2|
         5@2 READ a| -> 1
         t WRITE /local/domain/5/a|2 -> OK|
         5@2 TRANSACTION_END T| -> !EAGAIN
         5 TRANSACTION_START | -> 3|
         5@3 TRANSACTION_END F| -> OK|
         5 TRANSACTION_START | -> 4|",
    );
    let lines = report(&mut store, "report|");
    let (d5, tools, whole) = (&lines["d5"], &lines["tools"], &lines["store"]);
    let of = |figures: &BTreeMap<String, u64>, keys: &[&str]| keys.iter().map(|key| figures[*key]).collect::<Vec<_>>();
    assert_eq!(of(d5, &["requests", "errors", "commits", "conflicts", "dropped", "broken"]), [12, 2, 1, 1, 0, 0]);
    assert_eq!(of(d5, &["watches", "transactions", "nodes", "outstanding"]), [1, 1, 2, 0]);
    assert!(d5["memory"] > 60 && d5["events"] >= 3, "{d5:?}");
    // The store, the tools and the one domain: nobody else was here.
    assert_eq!(tools["requests"] + d5["requests"], whole["requests"]);
    assert_eq!(of(whole, &["nodes", "domains", "clients", "watches", "commits", "conflicts"]), [9, 2, 4, 1, 1, 1]);
    assert_eq!(tools["clients"], 3);

    // What a socket did is not forgotten with it.
    let before = tools["requests"];
    let gone = store.conn("t");
    store.server.disconnect(gone);
    let lines = report(&mut store, "report|");
    assert_eq!((lines["tools"]["clients"], lines["tools"]["requests"]), (2, before + 1));
}

#[test]
fn what_is_too_long_comes_in_parts() {
    let mut store = Store::new();
    let domids: Vec<u16> = (1..200).map(|n| n * 7).collect();
    for domid in &domids {
        store.run(&format!("{domid} READ none| -> !EACCES"));
    }
    let mut seen: Vec<u16> = Vec::new();
    let (mut words, mut parts) = ("report|".to_owned(), 0);
    loop {
        let lines = report(&mut store, &words);
        assert_eq!(lines.contains_key("store"), parts == 0, "the whole is told once");
        seen.extend(lines.keys().filter_map(|subject| subject.strip_prefix('d')?.parse::<u16>().ok()));
        parts += 1;
        let Some(next) = lines.get("next") else { break };
        words = format!("report|{}|", next.keys().next().unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, [&[0], &domids[..]].concat());
    assert!(parts > 3, "{parts}");
}

#[test]
fn only_the_tools_may_ask() {
    common::run(
        "5 CONTROL report| -> !EACCES
         t CONTROL report|x|y| -> !EINVAL
         t CONTROL report|-1| -> !EINVAL
         t CONTROL report|65536| -> !EINVAL",
    );
}
