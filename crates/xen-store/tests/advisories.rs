//! The advisories that xenstore daemons have had, each as the property that was missing.
//!
//! What a ring page may hold (XSA-38) is tested in `xenith-store/tests/rings.rs` too, and by the fuzz targets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{Store, run, store, with};
use xen_abi::DomId;
use xen_store::quota::{Account, Quota};
use xen_store::server::DomainState;
use xen_store::wire::{self, HEADER_LEN, Header, MsgType, PAYLOAD_MAX};

fn account(store: &Store, domid: u16) -> Account {
    store.server.tree().accounts().get(DomId(domid))
}

fn is_served(store: &mut Store, who: &str) -> bool {
    let mut request = Vec::new();
    wire::encode(MsgType::GetDomainPath.number(), 0, 0, b"5\0", &mut request).unwrap();
    store.send_raw(who, &request).len() == 1
}

#[test]
fn xsa_38_lengths_are_checked_before_they_are_believed() {
    for len in [4097, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        let mut store = store(Quota::default());
        let header = Header { kind: MsgType::Read.number(), req_id: 0, tx_id: 0, len };
        assert!(store.send_raw("5", &header.encode()).is_empty());
        assert!(!is_served(&mut store, "5"), "{len}: nobody listens any more");
        assert!(is_served(&mut store, "t"), "{len}: others are served");
    }
}

#[test]
fn xsa_72_a_reply_that_does_not_fit_is_an_error() {
    let mut store = store(Quota::default());
    for n in 0..600 {
        assert_eq!(store.ask("t", MsgType::Mkdir, 0, format!("/d/{n:07}\0").as_bytes()), "OK|");
    }
    assert_eq!(store.ask("t", MsgType::Directory, 0, b"/d\0"), "!E2BIG");
    let part = store.request("t", MsgType::DirectoryPart, 0, b"/d\x000\0");
    assert!(part.kind == MsgType::DirectoryPart.number() && part.payload.len() <= PAYLOAD_MAX);
}

#[test]
fn xsa_115_only_readers_of_a_node_or_its_parent_hear_of_it() {
    run("t INTRODUCE 5|1|1| -> OK|
         t INTRODUCE 6|1|1| -> OK|
         t WRITE /secret/key|1 -> OK|
         5 WATCH /secret|w| -> OK|
         5 <= /secret|w|
         5 WATCH @releaseDomain|r| -> OK|
         5 <= @releaseDomain|r|
         t WRITE /secret/key|2 -> OK|
         5 <= -
         t SET_PERMS /secret/key|n0|r5| -> OK|
         5 <= /secret/key|w|
         t RM /secret/key| -> OK|
         5 <= /secret/key|w|
         t RM /secret| -> OK|
         5 <= -
         5 IS_DOMAIN_INTRODUCED 6| -> !EACCES");
}

#[test]
fn xsa_206_a_writer_cannot_starve_a_transaction() {
    let mut store = Store::new();
    store.run("t INTRODUCE 5|1|1| -> OK|\nt WRITE /hot|0 -> OK|\nt SET_PERMS /hot|b0| -> OK|");
    for round in 0..20 {
        store.server.tick(Duration::from_millis(round));
        assert!(store.ask("t", MsgType::TransactionStart, 0, b"\0").ends_with('|'));
        let id = u32::try_from(round).unwrap() + 1;
        let read = store.ask("t", MsgType::Read, id, b"/hot\0");
        assert!(!read.starts_with('!'));
        // The flooding domain has its request waiting, whether or not it is answered now.
        let mut flood = Vec::new();
        wire::encode(MsgType::Write.number(), 9, 0, format!("/hot\0{round}").as_bytes(), &mut flood).unwrap();
        let _ = store.send_raw("5", &flood);
        assert_eq!(store.ask("t", MsgType::Write, id, b"/hot\0mine"), "OK|");
        match store.ask("t", MsgType::TransactionEnd, id, b"T\0").as_str() {
            "OK|" => {
                assert!(round <= 2, "refused {round} times");
                return;
            }
            answer => assert_eq!(answer, "!EAGAIN"),
        }
    }
    panic!("never committed");
}

#[test]
fn xsa_233_death_at_any_point_of_a_conversation() {
    for requests in 0..6 {
        let mut store = store(Quota::default());
        let script = ["WATCH a|w| -> OK|", "TRANSACTION_START | -> 1|", "WRITE a|1 -> OK|", "WRITE b|1 -> OK|", "UNWATCH a|w| -> OK|"];
        for line in script.iter().take(requests) {
            store.run(&format!("5 {line}"));
        }
        let conn = store.conn("5");
        store.server.input(conn, &[0; HEADER_LEN - 1]);
        store.run("t RELEASE 5| -> OK|\nt IS_DOMAIN_INTRODUCED 5| -> F|\ndies 5");
        assert_eq!(account(&store, 5), Account::default(), "after {requests} requests");
    }
}

#[test]
fn xsa_272_every_domain_is_under_the_quota_of_nodes() {
    let mut store = with(|quota| quota.nodes = 3);
    store.run(
        "t INTRODUCE 6|1|1| -> OK|
         t MKDIR /local/domain/6| -> OK|
         t SET_PERMS /local/domain/6|n6| -> OK|
         5 WRITE a/b|1 -> OK|
         5 WRITE c|1 -> !ENOSPC
         6 WRITE a/b|1 -> OK|
         6 WRITE c|1 -> !ENOSPC
         6 TRANSACTION_START | -> 1|
         6@1 WRITE c|1 -> !ENOSPC
         6@1 TRANSACTION_END F| -> OK|",
    );
}

#[test]
fn xsa_322_the_next_domain_of_a_number_inherits_nothing() {
    let mut store = Store::new();
    for _ in 0..1000 {
        store.run(
            "t INTRODUCE 5|1|1| -> OK|
             t WRITE /shared|x -> OK|
             5 READ /shared| -> !EACCES
             t SET_PERMS /shared|n0|b5| -> OK|
             5 READ /shared| -> x
             dies 5",
        );
    }
}

#[test]
fn xsa_323_a_path_is_measured_however_it_is_written() {
    let mut store = store(Quota::default());
    let name = "n".repeat(2048);
    let longer = "n".repeat(2049);
    store.run(&format!(
        "5 READ {name}| -> !ENOENT
         5 READ {longer}| -> !EINVAL
         5 READ /local/domain/5/{name}| -> !ENOENT
         5 READ /local/domain/5/{longer}| -> !EINVAL
         5 WATCH /{longer}|w| -> !EINVAL"
    ));
}

#[test]
fn xsa_324_an_event_that_does_not_fit_is_dropped() {
    let mut store = store(Quota::default());
    let token = "t".repeat(2000);
    let path = "p".repeat(2020);
    store.run(&format!("5 WATCH /local/domain/5|{token}| -> OK|\n5 <= /local/domain/5|{token}|"));
    store.run(&format!("t WRITE /local/domain/5/{path}/{path}|x -> OK|\n5 <= -\nt WRITE /local/domain/5/short|x -> OK|"));
    store.run(&format!("5 <= /local/domain/5/short|{token}|\n5 READ short| -> x"));
}

#[test]
fn xsa_325_who_breaks_the_protocol_is_still_released_when_it_dies() {
    let mut store = store(Quota::default());
    store.run("t WATCH @releaseDomain|r| -> OK|\nt <= @releaseDomain|r|");
    let header = Header { kind: MsgType::Read.number(), req_id: 0, tx_id: 0, len: u32::MAX };
    assert!(store.send_raw("5", &header.encode()).is_empty());
    store.run("t <= -\nt IS_DOMAIN_INTRODUCED 5| -> T|\nt READ /local/domain/5| ->\ndies 5\nt <= @releaseDomain|r|\nt <= -");
}

#[test]
fn xsa_326_memory_is_bounded_for_a_domain_that_never_reads() {
    let mut store = with(|quota| quota.memory = 100_000);
    store.run("t WRITE /seen|1 -> OK|\nt SET_PERMS /seen|r0| -> OK|");
    for n in 0..20 {
        store.run(&format!("5 WATCH /seen|{n}| -> OK|\n5 <= /seen|{n}|"));
    }
    let ring = store.conn("5");
    for n in 0..2000 {
        assert_eq!(store.ask("t", MsgType::Write, 0, format!("/seen/{n}\0x").as_bytes()), "OK|");
    }
    let mut unread = Vec::new();
    store.server.output(ring, usize::MAX, &mut unread);
    assert!(unread.len() > 10_000 && unread.len() <= 100_000, "{}", unread.len());
    // Requests without an end are not taken either.
    let mut taken = 0;
    for _ in 0..10_000 {
        let room = store.server.room(ring);
        store.server.input(ring, &vec![0; room.min(64)]);
        taken += room.min(64);
        store.settle();
    }
    assert!(taken <= 100_000, "{taken}");
}

#[test]
fn xsa_330_reset_leaves_no_watch() {
    let mut store = store(Quota::default());
    for _ in 0..1000 {
        store.run("5 WATCH a|1| -> OK|\n5 <= a|1|\n5 WATCH a/b|2| -> OK|\n5 <= a/b|2|\n5 RESET_WATCHES | -> OK|");
    }
    assert_eq!(store.server.report().watches, 0);
    store.run("t WRITE /local/domain/5/a/b|1 -> OK|\n5 <= -");
}

#[test]
fn xsa_352_only_the_tools_change_whose_a_node_is() {
    run("t INTRODUCE 5|1|1| -> OK|
         t INTRODUCE 6|1|1| -> OK|
         t WRITE /a|1 -> OK|
         t SET_PERMS /a|n5| -> OK|
         5 SET_PERMS /a|n6| -> !EPERM
         5 SET_PERMS /a|n0| -> !EPERM
         5 TRANSACTION_START | -> 1|
         5@1 SET_PERMS /a|n6| -> !EPERM
         5@1 TRANSACTION_END T| -> OK|
         t GET_PERMS /a| -> n5|
         t SET_PERMS /a|n6| -> OK|
         6 READ /a| -> 1");
}

#[test]
fn xsa_353_the_root_is_protected_like_any_node() {
    run("5 SET_PERMS /|b5| -> !EACCES
         5 SET_PERMS /|n5| -> !EACCES
         5 WRITE /|x -> !EACCES
         5 READ /| -> !EACCES
         5 DIRECTORY /| -> !EACCES
         5 RM /| -> !EACCES
         5 MKDIR /mine| -> !EACCES
         t RM /| -> !EINVAL
         t GET_PERMS /| -> n0|");
}

#[test]
fn xsa_414_a_payload_without_its_end_is_refused() {
    // Every request of a guest, with payloads that lack their NUL, or have nothing else, inside a transaction and outside.
    let mut store = store(Quota::default());
    let kinds = MsgType::ALL.iter().copied().filter(|kind| !matches!(kind, MsgType::TransactionStart | MsgType::TransactionEnd));
    for kind in kinds {
        for payload in [b"".as_slice(), b"\0", b"\0\0", b"a", b"/local/domain/5", b"a\0b", b"\xff\0", b"/\0/", b"@\0", b"a\0\0\0\0\0\0"] {
            let reply = store.request("5", kind, 0, payload);
            assert!(reply.payload.len() <= PAYLOAD_MAX);
            let id = store.ask("5", MsgType::TransactionStart, 0, b"\0");
            let id = id.trim_end_matches('|').parse().unwrap();
            let reply = store.request("5", kind, id, payload);
            assert!(reply.payload.len() <= PAYLOAD_MAX);
            let _ = store.ask("5", MsgType::TransactionEnd, id, b"F\0");
        }
    }
    store.run("5 GET_DOMAIN_PATH 5| -> /local/domain/5|");
}

#[test]
fn xsa_415_a_transaction_that_failed_leaves_no_orphan() {
    let mut store = with(|quota| quota.nodes = 3);
    store.run(
        "5 TRANSACTION_START | -> 1|
         5@1 WRITE a/b|1 -> OK|
         5@1 WRITE a/b/c|1 -> !ENOSPC
         5@1 TRANSACTION_END T| -> !ENOMEM
         5 READ a| -> !ENOENT
         t DIRECTORY /local/domain/5| ->",
    );
    assert_eq!(account(&store, 5).nodes, 1);
}

#[test]
fn xsa_416_nothing_is_kept_of_requests_that_are_done() {
    let mut store = store(Quota::default());
    store.run("5 WRITE a|1 -> OK|");
    let held = |store: &Store| store.server.report().clients.iter().map(|client| client.held).sum::<u64>();
    let before = held(&store);
    for n in 0..2000 {
        let _ = store.ask("5", MsgType::Read, 0, b"a\0");
        let _ = store.ask("5", MsgType::Read, 0, format!("no/{n}\0").as_bytes());
        let _ = store.ask("5", MsgType::TransactionStart, 0, b"\0");
        let _ = store.ask("5", MsgType::Read, n + 1, b"a\0");
        let _ = store.ask("5", MsgType::TransactionEnd, n + 1, b"T\0");
    }
    assert_eq!(held(&store), before);
}

#[test]
fn xsa_417_nodes_of_the_dead_go_with_them() {
    let mut store = store(Quota::default());
    store.run(
        "5 WRITE a/b|secret -> OK|
         5 SET_PERMS a|n5|r6| -> OK|
         t WRITE /elsewhere/of5|secret -> OK|
         t SET_PERMS /elsewhere/of5|n5|r6| -> OK|
         dies 5
         t INTRODUCE 6|1|1| -> OK|
         6 READ /elsewhere/of5| -> !EACCES
         t READ /elsewhere/of5| -> !ENOENT
         t READ /local/domain/5/a| -> !ENOENT",
    );
    assert_eq!(account(&store, 5), Account::default());
}

#[test]
fn xsa_418_depth_costs_no_stack() {
    let body = || {
        let mut store = store(Quota::default());
        let deep = format!("/local/domain/5{}", "/d".repeat(900));
        store.run(&format!("5 WRITE {deep}|x -> OK|\n5 WATCH {deep}|w| -> OK|\n5 READ {deep}| -> x\nt RM /local/domain/5/d| -> OK|"));
        store.run(&format!("5 WRITE {deep}|x -> OK|\ndies 5"));
    };
    std::thread::Builder::new().stack_size(192 * 1024).spawn(body).unwrap().join().unwrap();
}

#[test]
fn xsa_419_two_domains_together_get_no_more_than_their_quotas() {
    let mut store = with(|quota| quota.nodes = 4);
    store.run(
        "t INTRODUCE 6|1|1| -> OK|
         5 WRITE shared|x -> OK|
         5 SET_PERMS shared|n5|b6| -> OK|
         6 WRITE /local/domain/5/shared/a|x -> OK|
         6 WRITE /local/domain/5/shared/b|x -> OK|
         6 WRITE /local/domain/5/shared/c|x -> OK|
         6 WRITE /local/domain/5/shared/d|x -> OK|
         6 WRITE /local/domain/5/shared/e|x -> !ENOSPC
         t GET_PERMS /local/domain/5/shared/a| -> n6|b6|
         5 RM shared| -> OK|",
    );
    assert_eq!((account(&store, 5).nodes, account(&store, 6).nodes), (1, 0));
    store.run("6 WRITE /local/domain/5/e|x -> !EACCES");
}

#[test]
fn xsa_420_numbers_keep_their_highest_bit() {
    let mut store = store(Quota::default());
    let answer = store.ask("5", MsgType::Read, 0x8000_0001, b"a\0");
    assert_eq!(answer, "!ENOENT", "no such transaction");
    store.run("5 TRANSACTION_START | -> 1|\n5@2147483649 READ a| -> !ENOENT\n5@1 TRANSACTION_END F| -> OK|");
    let header = Header { kind: MsgType::Read.number(), req_id: u32::MAX, tx_id: 0, len: 2 };
    let replies = store.send_raw("5", &[header.encode().as_slice(), b"a\0"].concat());
    assert_eq!(replies[0].req_id, u32::MAX);
}

#[test]
fn xsa_421_nodes_made_and_removed_in_transactions_are_counted_once() {
    let mut store = with(|quota| quota.nodes = 5);
    for n in 1..200 {
        let (start, id) = (format!("5 TRANSACTION_START | -> {n}|"), n);
        store.run(&format!(
            "{start}
             5@{id} WRITE a|1 -> OK|
             5@{id} RM a| -> OK|
             5@{id} WRITE a|1 -> OK|
             5@{id} MKDIR b| -> OK|
             5@{id} RM b| -> OK|
             5@{id} TRANSACTION_END T| -> OK|"
        ));
        assert_eq!(account(&store, 5).nodes, 2, "its directory and a");
    }
    store.run("5 WRITE x/y/z|1 -> OK|\n5 WRITE w|1 -> !ENOSPC");
}

#[test]
fn xsa_425_a_domain_can_be_introduced_again() {
    let mut store = store(Quota::default());
    for round in 0..50 {
        store.run("5 WATCH a|w| -> OK|\n5 <= a|w|\n5 WRITE a|1 -> OK|");
        let conn = store.conn("5");
        store.server.input(conn, &[0; 7]);
        let again = if round % 2 == 0 { "t INTRODUCE 5|1|1| -> OK|" } else { "t RELEASE 5| -> OK|\nt INTRODUCE 5|1|1| -> OK|" };
        store.run(again);
        store.run("t MKDIR /local/domain/5| -> OK|\nt SET_PERMS /local/domain/5|n5| -> OK|");
    }
    assert_eq!(store.server.report().watches, 0);
}

#[test]
fn xsa_481_a_directory_without_a_name_is_no_path() {
    for kind in ["READ", "WRITE", "MKDIR", "RM", "DIRECTORY", "GET_PERMS"] {
        run(&format!("5 {kind} /local/domain/| -> !EINVAL\nt {kind} /local/domain/| -> !EINVAL"));
    }
    run("5 WATCH /local/domain/|t| -> !EINVAL\n5 UNWATCH /local/domain/|t| -> !EINVAL\n5 SET_PERMS /local/domain/|n5| -> !EINVAL");
}

#[test]
fn xsa_483_the_use_of_a_dead_domain_is_not_the_next_ones() {
    let mut store = with(|quota| quota.nodes = 3);
    for _ in 0..1000 {
        store.run("5 WRITE a/b|1 -> OK|\n5 WRITE c|1 -> !ENOSPC\n5 WATCH a|w| -> OK|\n5 TRANSACTION_START | -> 1|\ndies 5");
        assert_eq!(account(&store, 5), Account::default());
        store.run("t INTRODUCE 5|1|1| -> OK|\nt MKDIR /local/domain/5| -> OK|\nt SET_PERMS /local/domain/5|n5| -> OK|");
    }
    store.states(&[(5, DomainState::Gone)]);
    assert_eq!(store.server.report().watches, 0);
}

#[test]
fn xsa_484_reset_inside_a_transaction() {
    run("5 TRANSACTION_START | -> 1|
         5@1 RESET_WATCHES | -> OK|
         5@1 READ /| -> !ENOENT
         5 TRANSACTION_START | -> 2|
         5@2 TRANSACTION_END T| -> OK|");
}
