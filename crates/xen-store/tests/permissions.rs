//! Who may do what, and who may know why not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Store, run};
use xen_store::wire::MsgType;

#[test]
fn each_letter_grants_what_it_says() {
    // Permissions of a node of dom0's, and what domain 5 may: read, write, change the list.
    let table = [
        ("n0", "EACCES", "EACCES"),
        ("r0", "value", "EACCES"),
        ("w0", "EACCES", "OK|"),
        ("b0", "value", "OK|"),
        ("n0|r5", "value", "EACCES"),
        ("n0|w5", "EACCES", "OK|"),
        ("n0|b5", "value", "OK|"),
        ("b0|n5", "EACCES", "EACCES"),
        ("n0|r6|b5", "value", "OK|"),
        ("n0|r5|b5", "value", "EACCES"),
        ("n5", "value", "OK|"),
        ("n5|n5", "value", "OK|"),
    ];
    for (perms, read, write) in table {
        let mut store = Store::new();
        store.run(&format!("t WRITE /a/x|value -> OK|\n5 READ /| -> !EACCES\n6 READ /| -> !EACCES\nt SET_PERMS /a/x|{perms}| -> OK|"));
        let got = store.ask("5", MsgType::Read, 0, b"/a/x\0");
        assert_eq!(got.trim_start_matches('!'), read, "{perms}: read");
        let got = store.ask("5", MsgType::Write, 0, b"/a/x\0value");
        assert_eq!(got.trim_start_matches('!'), write, "{perms}: write");
        let owns = perms.starts_with("n5");
        let got = store.ask("5", MsgType::SetPerms, 0, b"/a/x\0n5\0");
        assert_eq!(got, if owns { "OK|" } else { "!EACCES" }, "{perms}: change");
    }
}

#[test]
fn a_domain_may_not_give_away_or_take() {
    run("t WRITE /a|1 -> OK|
         t INTRODUCE 5|1|1| -> OK|
         t INTRODUCE 6|1|1| -> OK|
         t SET_PERMS /a|n5| -> OK|
         5 SET_PERMS /a|n6| -> !EPERM
         5 SET_PERMS /a|n5|r6| -> OK|
         6 READ /a| -> 1
         6 SET_PERMS /a|n6| -> !EACCES
         t SET_PERMS /a| -> !EINVAL
         t SET_PERMS /a|x5| -> !EINVAL
         t SET_PERMS /a|n| -> !EINVAL
         t SET_PERMS /a|n-1| -> !EINVAL
         t SET_PERMS /a|n65536| -> !EINVAL
         t SET_PERMS /none|n0| -> !ENOENT
         t SET_PERMS @none|n0| -> !ENOENT");
}

#[test]
fn new_nodes_inherit_and_belong_to_their_writer() {
    run("t MKDIR /d| -> OK|
         t INTRODUCE 5|1|1| -> OK|
         t INTRODUCE 6|1|1| -> OK|
         t SET_PERMS /d|b6|r5| -> OK|
         5 WRITE /d/x/y|1 -> !EACCES
         t SET_PERMS /d|b6|b5| -> OK|
         5 WRITE /d/x/y|1 -> OK|
         t GET_PERMS /d/x| -> b5|b5|
         t GET_PERMS /d/x/y| -> b5|b5|
         t WRITE /d/t|1 -> OK|
         t GET_PERMS /d/t| -> b6|b5|");
}

#[test]
fn who_may_not_read_the_parent_learns_nothing() {
    run("t WRITE /secret/x|1 -> OK|
         5 READ /secret/x| -> !EACCES
         5 READ /secret/none| -> !EACCES
         5 RM /secret/none| -> !EACCES
         5 MKDIR /secret/none| -> !EACCES
         5 WRITE /|x -> !EACCES
         5 SET_PERMS /|n5| -> !EACCES
         5 RM /| -> !EACCES
         t SET_PERMS /secret|b0| -> OK|
         5 READ /secret/none| -> !ENOENT
         5 RM /secret/none| -> OK|
         5 READ /secret/x| -> !EACCES");
}

#[test]
fn an_entry_for_every_domain() {
    run("t WRITE /open|1 -> OK|
         t SET_PERMS /open|n0|n6|b32757| -> OK|
         t GET_PERMS /open| -> n0|n6|b32757|
         5 WRITE /open|2 -> OK|
         6 READ /open| -> !EACCES         # the first entry that fits counts
         t SET_PERMS /open|n32757| -> !ENOENT
         t SET_FEATURE 7|6| -> OK|        # everything but DOMID_ANY
         7 GET_FEATURE | -> !EACCES
         t MKDIR /local/domain/7| -> OK|
         t SET_PERMS /local/domain/7|n7| -> OK|
         7 WRITE x|1 -> OK|
         7 SET_PERMS x|n7|r32757| -> OK|  # kept, and grants nothing
         t GET_PERMS /local/domain/7/x| -> n7|r32757|
         5 READ /local/domain/7/x| -> !EACCES
         t SET_PERMS /local/domain/7/x|n7|r32757| -> OK|
         5 READ /local/domain/7/x| -> 1");
}
