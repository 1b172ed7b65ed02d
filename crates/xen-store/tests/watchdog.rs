//! The watchdog: what is not read for too long is dropped, and who is slow or abusive is named once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::Store;
use xen_store::quota::Quota;
use xen_store::server::{Effect, LEASE, UNREAD};
use xen_store::wire::{self, MsgType};

const SECOND: Duration = Duration::from_secs(1);
const WATCHED: &str = "
    t INTRODUCE 5|1|1| -> OK|
    t INTRODUCE 6|1|1| -> OK|
    t MKDIR /local/domain/5| -> OK|
    t SET_PERMS /local/domain/5|n5|r6| -> OK|
    6 WATCH /local/domain/5|w| -> OK|
    6 <= /local/domain/5|w|
    6 <= -
";

/// Domain 6 watches what domain 5 writes.
fn store(change: impl FnOnce(&mut Quota)) -> Store {
    let mut quota = Quota::default();
    change(&mut quota);
    let mut store = Store::with(quota);
    store.run(WATCHED);
    store.effects.clear();
    store
}

fn tick(store: &mut Store, now: Duration) {
    store.server.tick(now);
    store.settle();
}

fn log(store: &mut Store) -> Vec<String> {
    let line = |effect| if let Effect::Log(line) = effect { Some(line) } else { None };
    std::mem::take(&mut store.effects).into_iter().filter_map(line).collect()
}

/// Sends a request without reading its reply.
fn ask(store: &mut Store, who: &str, kind: MsgType, payload: &[u8]) {
    let mut bytes = Vec::new();
    wire::encode(kind.number(), 0, 0, payload, &mut bytes).unwrap();
    let conn = store.conn(who);
    store.server.input(conn, &bytes);
    store.settle();
}

fn unread(store: &mut Store, who: &str) -> usize {
    let (conn, mut bytes) = (store.conn(who), Vec::new());
    store.server.output(conn, usize::MAX, &mut bytes);
    bytes.len()
}

#[test]
fn events_unread_for_20_seconds_are_dropped_and_the_reader_is_named_once() {
    let mut store = store(|_| {});
    tick(&mut store, SECOND);
    store.run("5 WRITE /local/domain/5/a|1 -> OK|\n5 WRITE /local/domain/5/b|1 -> OK|");
    tick(&mut store, SECOND * 2);
    store.run("5 WRITE /local/domain/5/c|1 -> OK|");

    let all = unread(&mut store, "6");
    assert_eq!(store.server.next_deadline(), Some(UNREAD), "for the first event of its watch, which it has read");
    tick(&mut store, UNREAD);
    assert_eq!(store.server.next_deadline(), Some(SECOND + UNREAD));
    tick(&mut store, SECOND + UNREAD - Duration::from_nanos(1));
    assert_eq!((unread(&mut store, "6"), log(&mut store).len()), (all, 0), "not yet");
    tick(&mut store, SECOND + UNREAD);
    assert_eq!(log(&mut store), ["d6 store: does not read: 2 events dropped after 20 s"]);
    assert_eq!(store.server.next_deadline(), Some(SECOND * 2 + UNREAD), "the youngest has its own time");
    tick(&mut store, SECOND * 2 + UNREAD);
    assert_eq!((unread(&mut store, "6"), log(&mut store).len()), (0, 0), "dropped, and named before");
    assert_eq!(store.server.next_deadline(), None);
    store.run("6 <= -\n5 WRITE /local/domain/5/d|1 -> OK|\n6 <= /local/domain/5/d|w|\n6 <= -");
}

#[test]
fn replies_stay() {
    let mut store = store(|_| {});
    ask(&mut store, "6", MsgType::GetDomainPath, b"6\0");
    let reply = unread(&mut store, "6");
    store.run("5 WRITE /local/domain/5/a|1 -> OK|");
    assert!(unread(&mut store, "6") > reply);
    tick(&mut store, UNREAD);
    assert_eq!(unread(&mut store, "6"), reply);
}

#[test]
fn an_event_that_is_half_read_is_kept_whole() {
    let mut store = store(|_| {});
    store.run("5 WRITE /local/domain/5/a|1 -> OK|\n5 WRITE /local/domain/5/b|1 -> OK|");
    let conn = store.conn("6");
    let mut message = Vec::new();
    store.server.output(conn, 7, &mut message);
    store.server.sent(conn, 7);
    for seconds in [20, 40, 60] {
        tick(&mut store, SECOND * seconds);
    }
    let rest = unread(&mut store, "6");
    store.server.output(conn, usize::MAX, &mut message);
    store.server.sent(conn, rest);
    assert_eq!(&message[16..], b"/local/domain/5/a\0w\0", "the first, whole; the second is gone");
    store.run("5 WRITE /local/domain/5/c|1 -> OK|\n6 <= /local/domain/5/c|w|\n6 <= -");
}

#[test]
fn tools_and_dom0_have_all_the_time_of_the_world() {
    for who in ["t", "0"] {
        let mut store = store(|_| {});
        store.run(&format!("{who} WATCH /local/domain/5|w| -> OK|\n{who} <= /local/domain/5|w|\n5 WRITE /local/domain/5/a|1 -> OK|\n6 <= /local/domain/5/a|w|"));
        tick(&mut store, UNREAD * 10);
        // `run` itself reads as `t` only when a line says so.
        store.run(&format!("{who} <= /local/domain/5/a|w|"));
        assert_eq!(log(&mut store), [""; 0]);
    }
}

/// XSA-326: whoever makes others' events waits until they are read, or dropped.
#[test]
fn a_request_is_outstanding_until_its_events_are_read_or_dropped() {
    for reads in [true, false] {
        let mut store = store(|quota| quota.outstanding = 2);
        let conn = store.conn("5");
        store.run("5 WRITE /local/domain/5/a|1 -> OK|\n5 WRITE /local/domain/5/b|1 -> OK|");
        ask(&mut store, "5", MsgType::Write, b"/local/domain/5/c\x001");
        assert_eq!(unread(&mut store, "5"), 0, "it waits");
        store.run("t READ /local/domain/5/a| -> 1\nt READ /local/domain/5/c| -> !ENOENT");
        match reads {
            true => store.run("6 <= /local/domain/5/a|w|\n6 <= /local/domain/5/b|w|"),
            false => tick(&mut store, UNREAD),
        }
        assert!(store.server.take_dirty().contains(&conn), "the shell looks at its ring");
        store.settle();
        assert_eq!(store.receive("5").len(), 1, "it goes on");
        store.run("t READ /local/domain/5/c| -> 1");
    }
}

#[test]
fn whoever_does_not_read_and_goes_holds_nobody_up() {
    let mut store = store(|quota| quota.outstanding = 1);
    store.run("5 WRITE /local/domain/5/a|1 -> OK|");
    ask(&mut store, "5", MsgType::Write, b"/local/domain/5/b\x001");
    assert_eq!(unread(&mut store, "5"), 0, "it waits");
    store.run("dies 6");
    assert_eq!(store.receive("5").len(), 1, "it goes on");
}

#[test]
fn crossing_the_quotas_of_memory_is_told() {
    let mut store = store(|quota| (quota.memory_soft, quota.memory) = (100_000, 200_000));
    tick(&mut store, SECOND);
    let value = "x".repeat(1_000);
    let write = |store: &mut Store, nodes: std::ops::Range<u32>| {
        nodes.for_each(|n| store.run(&format!("5 WRITE /local/domain/5/{n}|{value} -> OK|\n6 <= /local/domain/5/{n}|w|")));
    };
    write(&mut store, 0..120);
    let lines = log(&mut store);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("d5 store: holds ") && lines[0].ends_with(" bytes: over its soft quota of 100000"), "{lines:?}");

    tick(&mut store, SECOND * 12);
    for n in 120..240 {
        store.ask("5", MsgType::Write, 0, format!("/local/domain/5/{n}\0{value}").as_bytes());
        store.receive("6");
    }
    let lines = log(&mut store);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].ends_with(" bytes: at its quota of 200000; what needs more is refused"), "{lines:?}");
}

#[test]
fn a_flood_of_requests_is_told_once_in_ten_seconds() {
    let mut store = store(|_| {});
    tick(&mut store, SECOND);
    let flood = |store: &mut Store| (0..100_000).for_each(|_| _ = store.ask("5", MsgType::GetDomainPath, 0, b"5\0"));
    flood(&mut store);
    tick(&mut store, SECOND * 10);
    let lines = log(&mut store);
    assert!(matches!(&lines[..], [line] if line.starts_with("d5 store: 10") && line.ends_with(" requests in 10 s")), "{lines:?}");
    tick(&mut store, SECOND * 20);
    assert_eq!(log(&mut store), [""; 0], "quiet since");
}

#[test]
fn a_transaction_that_holds_others_up_is_told() {
    let mut store = store(|_| {});
    store.run("t MKDIR /shared| -> OK|\nt SET_PERMS /shared|b0| -> OK|\nt WRITE /shared/x|0 -> OK|");
    tick(&mut store, SECOND);
    // Refused twice: the third transaction has a lease on what they read.
    for tx in [1, 2] {
        store.run(&format!("5 TRANSACTION_START | -> {tx}|\n5@{tx} READ /shared/x| -> {}", tx - 1));
        store.run(&format!("t WRITE /shared/x|{tx} -> OK|\n5@{tx} TRANSACTION_END T| -> !EAGAIN"));
    }
    store.run("5 TRANSACTION_START | -> 3|\n5@3 READ /shared/x| -> 2");
    tick(&mut store, SECOND + LEASE * 2);
    let lines = log(&mut store);
    assert_eq!(lines, ["d5 store: held others up with a transaction that it did not end in time"]);
}

/// However many domains misbehave: twenty lines in ten seconds.
#[test]
fn many_slow_readers_do_not_fill_the_log() {
    let mut store = store(|_| {});
    for domid in 10..50 {
        store.run(&format!("t INTRODUCE {domid}|1|1| -> OK|\n{domid} WATCH @introduceDomain|w| -> OK|"));
        ask(&mut store, &domid.to_string(), MsgType::Watch, b"/tool\0v\0");
    }
    // Each has an event of its watch unread.
    tick(&mut store, UNREAD);
    assert_eq!(log(&mut store).len(), 20);
}
