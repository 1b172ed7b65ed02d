//! Quotas: C xenstored's limits, and counts that always add up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Store, store, with};
use xen_abi::DomId;
use xen_store::quota::Quota;
use xen_store::wire::{self, MsgType};

#[test]
fn nodes() {
    let mut store = with(|quota| quota.nodes = 4);
    store.run(
        "5 WRITE a/b|1 -> OK|         # with its directory: three
               5 WRITE c/d|1 -> !ENOSPC
               5 READ c| -> !ENOENT         # nothing of it was made
               5 WRITE c|1 -> OK|
               5 MKDIR e| -> !ENOSPC
               5 RM a| -> OK|
               5 WRITE c/d|1 -> OK|
               t WRITE /local/domain/5/x/y|1 -> OK|   # the tools are not limited, but it is counted
               5 MKDIR e| -> !ENOSPC",
    );
    assert_eq!(store.server.tree().accounts().get(DomId(5)).nodes, 5);
}

#[test]
fn node_size_path_and_permissions() {
    let mut store = store(Quota::default());
    // 2,048 bytes with a header of 16 and one permission of 8.
    let fits = "v".repeat(2024);
    let name = "n".repeat(2048);
    store.run(&format!(
        "5 WRITE a|{fits} -> OK|
         5 WRITE a|{fits}x -> !ENOSPC
         5 WRITE b|{fits}x -> !ENOSPC
         5 READ b| -> !ENOENT
         t WRITE /t|{fits}x -> OK|
         5 READ {name}| -> !ENOENT
         5 READ {name}n| -> !EINVAL
         5 SET_PERMS a|n5|r1|r2|r3|r4| -> OK|
         5 SET_PERMS a|n5|r1|r2|r3|r4|r6| -> !ENOSPC"
    ));
    // 16 + 5 * 8 + 2024 is over the limit that domain 5 has, but the list of permissions grew on a node that fitted.
    let long_name = "c".repeat(2024);
    store.run(&format!("5 MKDIR {long_name}| -> !ENOSPC"));
}

#[test]
fn watches() {
    let mut store = with(|quota| quota.watches = 2);
    store.run(
        "5 WATCH a|1| -> OK|
               5 WATCH a|2| -> OK|
               5 WATCH a|3| -> OK|          # C tests before it counts
               5 WATCH a|4| -> !E2BIG
               5 UNWATCH a|1| -> OK|
               5 WATCH a|4| -> OK|
               5 RESET_WATCHES | -> OK|
               5 WATCH a|5| -> OK|",
    );
}

#[test]
fn transactions() {
    let mut store = with(|quota| {
        quota.transactions = 1;
        quota.transaction_nodes = 2;
    });
    store.run(
        "5 TRANSACTION_START | -> 1|
               5 TRANSACTION_START | -> 2|
               5 TRANSACTION_START | -> !ENOSPC
               5@1 TRANSACTION_END F| -> OK|
               5@2 READ a| -> !ENOENT
               5@2 WRITE a|1 -> OK|
               5@2 WRITE b|1 -> !ENOSPC
               5@2 TRANSACTION_END T| -> !ENOMEM
               5 READ a| -> !ENOENT",
    );
}

#[test]
fn a_transaction_that_met_a_quota_cannot_be_committed() {
    let mut store = with(|quota| quota.nodes = 2);
    store.run(
        "5 TRANSACTION_START | -> 1|
               5@1 WRITE a|1 -> OK|
               5@1 WRITE b|1 -> !ENOSPC
               5@1 TRANSACTION_END T| -> !ENOMEM
               5 READ a| -> !ENOENT",
    );
}

#[test]
fn a_permission_list_that_is_too_long_spoils_no_transaction() {
    let mut store = store(Quota::default());
    store.run(
        "5 TRANSACTION_START | -> 1|
               5@1 WRITE a|1 -> OK|
               5@1 SET_PERMS a|n5|r1|r2|r3|r4|r6| -> !ENOSPC
               5@1 TRANSACTION_END T| -> OK|
               5 READ a| -> 1",
    );
}

#[test]
fn memory() {
    let mut store = with(|quota| quota.memory = 9_500);
    let value = "v".repeat(1900);
    store.run(&format!(
        "5 WRITE a|{value} -> OK|
         5 WRITE b|{value} -> OK|
         5 WRITE c|{value} -> OK|
         5 WRITE d|{value} -> OK|
         5 WRITE e|{value} -> !ENOMEM
         5 WRITE a| -> OK|
         5 WRITE e|{value} -> OK|
         5 READ e| -> {value}"
    ));
}

#[test]
fn a_transaction_holds_no_more_than_the_quota_of_memory() {
    let mut store = with(|quota| quota.memory = 20_000);
    let noise = "/".repeat(4000);
    store.run("5 TRANSACTION_START | -> 1|");
    let answers: Vec<String> = (0..4).map(|_| store.ask("5", MsgType::Read, 1, noise.as_bytes())).collect();
    assert_eq!(answers, ["!EINVAL", "!EINVAL", "!ENOMEM", "!ENOMEM"]);
    store.run("5@1 TRANSACTION_END T| -> !ENOMEM\n5 WRITE a|1 -> OK|");
}

#[test]
fn events_for_a_domain_that_never_reads_are_bounded() {
    let mut store = with(|quota| quota.memory = 30_000);
    store.run("5 WATCH /big|w| -> OK|\n5 <= /big|w|\nt MKDIR /big| -> OK|\nt SET_PERMS /big|r0| -> OK|");
    let ring = store.conn("5");
    for n in 0..3000 {
        let payload = format!("/big/{n}\0x");
        assert_eq!(store.ask("t", MsgType::Write, 0, payload.as_bytes()), "OK|");
    }
    let mut bytes = Vec::new();
    store.server.output(ring, usize::MAX, &mut bytes);
    assert!(bytes.len() > 15_000 && bytes.len() <= 30_000, "{}", bytes.len());
}

#[test]
fn a_tool_that_never_reads_is_cut_off() {
    let mut store = Store::new();
    store.run("t WATCH /|w| -> OK|\nt <= /|w|");
    let deaf = store.conn("t");
    let filler = "f".repeat(3900);
    let mut n = 0;
    while store.server.has_output(deaf) || n == 0 {
        let payload = format!("/{n}/{filler}\0x");
        assert_eq!(store.ask("u", MsgType::Write, 0, payload.as_bytes()), "OK|");
        n += 1;
        assert!(n < 20_000, "events pile up without end");
    }
}

#[test]
fn outstanding_replies_stop_the_service() {
    let mut store = store(Quota::default());
    let ring = store.conn("5");
    let mut bytes = Vec::new();
    for _ in 0..100 {
        wire::encode(MsgType::GetDomainPath.number(), 0, 0, b"5\0", &mut bytes).unwrap();
    }
    store.server.input(ring, &bytes);
    store.settle();
    assert_eq!(store.server.room(ring), 0);
    let mut out = Vec::new();
    store.server.output(ring, usize::MAX, &mut out);
    assert_eq!(out.len(), 20 * (16 + "/local/domain/5\0".len()));
    assert_eq!(store.receive("5").len(), 100, "all are served as the replies are read");
}
