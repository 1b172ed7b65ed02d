//! GET_FEATURE, SET_FEATURE, GET_QUOTA, SET_QUOTA and what CONTROL says of quotas, logs and live updates.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{Store, run};
use xen_abi::DomId;
use xen_store::server::{Effect, LiveUpdateRequest};
use xen_store::wire::{self, MsgType};

fn ask(store: &mut Store, who: &str, kind: MsgType, payload: &str) -> String {
    store.ask(who, kind, 0, payload.replace('|', "\0").as_bytes())
}

#[test]
fn features_are_masked_before_a_domain_comes() {
    let mut store = Store::new();
    assert_eq!(ask(&mut store, "t", MsgType::GetFeature, ""), "14|");
    assert_eq!(ask(&mut store, "5", MsgType::GetFeature, ""), "14|");
    store.run(
        "5 GET_FEATURE 5| -> !EACCES
         5 SET_FEATURE 5|2| -> !EACCES
         t GET_FEATURE 5| -> 14|
         t SET_FEATURE 5|2| -> !EBUSY
         t SET_FEATURE 6|2| -> OK|
         t SET_FEATURE 6|1| -> !EINVAL
         t SET_FEATURE 6|16| -> !EINVAL
         t SET_FEATURE 6| -> !EINVAL
         t SET_FEATURE x6|2| -> !EINVAL
         t SET_FEATURE 65536|2| -> !EINVAL
         t GET_FEATURE 6| -> 2|
         t GET_FEATURE 6|7| -> !EINVAL
         unknown 9
         t GET_FEATURE 9| -> !ENOENT
         t SET_FEATURE 9|2| -> !ENOENT
         6 WATCH /a|w|1| -> !EINVAL
         6 WATCH /a|w| -> OK|",
    );
    assert_eq!(ask(&mut store, "6", MsgType::GetFeature, ""), "2|");
    assert_eq!((store.server.features_of(DomId(6)), store.server.features_of(DomId(7))), (2, 14));
    store.run("dies 6\nt GET_FEATURE 6| -> 14|   # the next domain with this number has everything");
}

#[test]
fn quotas_are_global_or_a_domain_s_own() {
    let mut store = Store::new();
    let names = "nodes watches outstanding memory soft-memory transactions transaction-nodes node-permissions path-max node-size|";
    assert_eq!(ask(&mut store, "t", MsgType::GetQuota, ""), names);
    store.run(
        "5 GET_QUOTA nodes| -> !EACCES
         5 SET_QUOTA nodes|5| -> !EACCES
         t GET_QUOTA nodes| -> 1000|
         t GET_QUOTA soft-memory| -> 2097152|
         t GET_QUOTA none| -> !EINVAL
         t GET_QUOTA 5|nodes|x| -> !EINVAL
         t SET_QUOTA 5|nodes|2| -> OK|
         t GET_QUOTA 5|nodes| -> 2|
         t GET_QUOTA 6|nodes| -> 1000|
         t SET_QUOTA nodes|3| -> OK|
         t SET_QUOTA soft-nodes|3| -> !EINVAL
         t SET_QUOTA nodes|-1| -> !EINVAL
         t SET_QUOTA nodes| -> !EINVAL
         t GET_QUOTA 5|nodes| -> 2|
         t GET_QUOTA 6|nodes| -> 3|
         unknown 9
         t GET_QUOTA 9|nodes| -> !ENOENT
         t SET_QUOTA 9|nodes|1| -> !ENOENT
         t MKDIR /local/domain/5| -> OK|
         t SET_PERMS /local/domain/5|n5| -> OK|
         t MKDIR /local/domain/6| -> OK|
         t SET_PERMS /local/domain/6|n6| -> OK|
         5 WRITE a|1 -> OK|
         5 WRITE b|1 -> !ENOSPC
         6 WRITE a|1 -> OK|
         6 WRITE b|1 -> OK|
         6 WRITE c|1 -> !ENOSPC
         t SET_QUOTA 5|nodes|0| -> OK|      # no limit
         t GET_QUOTA 5|nodes| -> 0|",
    );
    for n in 0..100 {
        store.run(&format!("5 WRITE b{n}|1 -> OK|"));
    }
    store.run("dies 5\nt INTRODUCE 5|1|1| -> OK|\nt GET_QUOTA 5|nodes| -> 3|");
}

#[test]
fn control_sets_and_shows_quotas() {
    let mut store = Store::new();
    store.run(
        "t CONTROL quota|set|nodes|4| -> OK|
         t CONTROL quota|set|nodes|0| -> !EINVAL
         t CONTROL quota|set|soft-memory|9| -> !EINVAL
         t CONTROL quota|set|nodes| -> !EINVAL
         t CONTROL quota-soft|set|memory|9000| -> OK|
         t CONTROL quota-soft|set|nodes|9| -> !EINVAL
         t CONTROL quota-soft|5| -> !EINVAL
         t CONTROL quota|77| -> !ENOENT
         t CONTROL quota|max|x| -> !EINVAL
         t GET_QUOTA nodes| -> 4|
         t GET_QUOTA soft-memory| -> 9000|
         t MKDIR /local/domain/5| -> OK|
         5 WATCH a|1| -> OK|
         5 WATCH a|2| -> OK|
         5 UNWATCH a|1| -> OK|
         t SET_PERMS /local/domain/5|n5| -> OK|
         5 WRITE a|12345 -> OK|
         5 RM a| -> OK|",
    );
    let text = ask(&mut store, "t", MsgType::Control, "quota|");
    assert!(text.contains("nodes            :        4 ") && !text.contains("soft"), "{text}");
    let text = ask(&mut store, "t", MsgType::Control, "quota-soft|");
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains("memory           :     9000 "), "{text}");
    let text = ask(&mut store, "t", MsgType::Control, "quota|5|");
    assert!(text.contains("nodes            :        1 (max        2)"), "{text}");
    assert!(text.contains("watches          :        1 (max        2)"), "{text}");
    let text = ask(&mut store, "t", MsgType::Control, "quota|max|");
    assert!(text.contains("nodes            :        2\n"), "{text}");
    let text = ask(&mut store, "t", MsgType::Control, "quota|max|-r|");
    assert!(text.contains("nodes            :        1\n") && text.contains("watches          :        1\n"), "{text}");
}

#[test]
fn the_protocol_is_logged_on_demand() {
    let mut store = Store::new();
    store.run(
        "t WRITE /quiet|1 -> OK|
         t CONTROL log|on| -> OK|
         5 READ /a| -> !EACCES
         t CONTROL log|-io| -> OK|
         5 READ /b| -> !EACCES
         t CONTROL log|+none| -> !EINVAL
         t CONTROL log|sideways| -> !EINVAL
         t CONTROL log|off| -> OK|
         t CONTROL logfile|/tmp/x| -> OK|
         t CONTROL print|hello| -> OK|
         t CONTROL memreport| -> OK|
         t CONTROL memreport|/tmp/y| -> OK|",
    );
    let lines: Vec<&str> =
        store.effects.iter().filter_map(|effect| if let Effect::Trace(line) = effect { Some(&**line) } else { None }).collect();
    assert!(lines.contains(&"d5 IN READ 77 0 (/a )"), "{lines:?}");
    assert!(lines.contains(&"d5 OUT ERROR 77 0 (EACCES )"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("/b") || line.contains("quiet")), "{lines:?}");
    assert!(store.effects.contains(&Effect::LogFile("/tmp/x".into())) && store.effects.contains(&Effect::Print("hello".into())));
    let reports = store.effects.iter().filter(|effect| matches!(effect, Effect::MemoryReport { report, .. } if report.contains("d5: ")));
    assert_eq!(reports.count(), 2);
    let text = ask(&mut store, "t", MsgType::Control, "log|");
    assert!(text.contains("io      : off\n") && text.contains("obj     : on\n"), "{text}");
}

#[test]
fn a_live_update_is_begun_started_and_answered_later() {
    let mut store = Store::new();
    store.run(
        "5 CONTROL live-update|-a| -> !EACCES
         t CONTROL live-update| -> !EINVAL
         t CONTROL live-update|-x| -> !EINVAL
         t CONTROL live-update|-a| -> no live update is under way|
         t CONTROL live-update|-s| -> no live update was begun here|
         t CONTROL live-update|-f|/sbin/new| -> OK|
         u CONTROL live-update|-f|/sbin/other| -> another live update is under way|
         u CONTROL live-update|-c|x| -> no live update was begun here|
         t CONTROL live-update|-c|/sbin/new -U| -> OK|
         t CONTROL live-update|-s|-t| -> !EINVAL",
    );
    let asker = store.conn("t");
    let mut bytes = Vec::new();
    wire::encode(MsgType::Control.number(), 3, 0, b"live-update\0-s\0-t\x007\0-F\0", &mut bytes).unwrap();
    assert!(store.send_raw("t", &bytes).is_empty(), "answered later");
    let asked = LiveUpdateRequest {
        asker,
        file: "/sbin/new".into(),
        arguments: Some("/sbin/new -U".into()),
        timeout: Duration::from_secs(7),
        force: true,
        version: None,
    };
    assert_eq!(store.effects.last(), Some(&Effect::LiveUpdate(asked)));
    store.run("u READ /tool/xenstored| ->     # others go on");
    store.server.live_updated(asker, Err("it does not start"));
    assert_eq!(common::show(&store.receive("t")[0].payload), "it does not start|");
    store.run("t CONTROL live-update|-f|/sbin/new| -> OK|");
    assert!(store.send_raw("t", &bytes).is_empty());
    store.run("u CONTROL live-update|-a| -> OK|");
    assert_eq!(common::show(&store.receive("t")[0].payload), "the live update was aborted|");
    assert_eq!(store.effects.last(), Some(&Effect::AbortLiveUpdate));
    store.run("t CONTROL live-update|-f|/sbin/new| -> OK|");
    assert!(store.send_raw("t", &bytes).is_empty());
    store.server.live_updated(asker, Ok(()));
    assert_eq!(common::show(&store.receive("t")[0].payload), "OK|");
    store.run("t CONTROL live-update|-f|/sbin/new| -> OK|");
    store.server.disconnect(asker);
    store.run("u CONTROL live-update|-f|/sbin/other| -> OK|    # its session went with the client");
}

#[test]
fn reset_watches_in_a_transaction_is_over_with_it() {
    run("5 TRANSACTION_START | -> 1|
         5@1 RESET_WATCHES | -> OK|
         5@1 TRANSACTION_END T| -> !ENOENT");
}

#[test]
fn the_report_says_who_does_what() {
    let mut store = Store::new();
    store.run(
        "t MKDIR /local/domain/5| -> OK|
         5 WATCH a|1| -> OK|
         t SET_PERMS /local/domain/5|n5| -> OK|
         5 WRITE a|12345 -> OK|
         5 READ /none| -> !EACCES
         5 TRANSACTION_START | -> 1|
         5@1 READ a| -> 12345
         t WRITE /local/domain/5/a|2 -> OK|
         5@1 TRANSACTION_END T| -> !EAGAIN
         5 TRANSACTION_START | -> 2|",
    );
    let report = store.server.report();
    let of = report.clients.iter().find(|client| client.name() == "d5").unwrap();
    assert_eq!((of.work.requests, of.work.errors, of.work.conflicts), (7, 2, 1));
    assert_eq!((of.nodes, of.watches, of.transactions, of.broken), (2, 1, 1, false));
    assert!(of.node_bytes > 60 && of.held > 0 && of.work.events >= 2, "{of:?}");
    assert_eq!(report.conflicts, 1);
    assert!(report.clients.iter().any(|client| client.name().starts_with("socket ")));
    assert_eq!(report.nodes, 9);
}
