//! Each request type: what it answers, and how it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::run;

#[test]
fn a_new_store_holds_what_c_xenstored_starts_with() {
    run("t DIRECTORY /| -> tool|
         t DIRECTORY /tool| -> xenstored|
         t READ /tool/xenstored| ->
         t GET_PERMS /| -> n0|
         t GET_PERMS @releaseDomain| -> n0|r32757|
         t GET_PERMS @introduceDomain| -> n0|");
}

#[test]
fn read_write_mkdir() {
    run("t WRITE /a/b/c|value -> OK|
         t READ /a/b/c| -> value
         t READ /a/b| ->
         t DIRECTORY /a| -> b|
         t MKDIR /a/b/c| -> OK|
         t READ /a/b/c| -> value
         t MKDIR /a/d| -> OK|
         t DIRECTORY /a| -> b|d|
         t WRITE /a/b/c|x|y|z -> OK|
         t READ /a/b/c| -> x|y|z
         t WRITE /|root -> OK|
         t READ /| -> root
         t READ /none| -> !ENOENT
         t READ /a/b/c -> !EINVAL
         t READ  -> !EINVAL
         t READ /a|/b| -> !EINVAL
         t READ a//b| -> !EINVAL
         t READ /a/| -> !EINVAL
         t READ /a b| -> !EINVAL
         t READ | -> !EINVAL
         t READ @releaseDomain| -> !EINVAL
         t WRITE @releaseDomain|x -> !EINVAL
         t MKDIR | -> !EINVAL
         t WRITE /a -> !EINVAL
         t WATCH_EVENT /a| -> !ENOSYS
         t ERROR /a| -> !ENOSYS
         t GET_QUOTA | -> !EINVAL");
}

#[test]
fn unknown_types_are_refused_before_rights_and_transactions() {
    let mut store = common::Store::new();
    for kind in [20u32, 27, 65535, 0x8000_0000] {
        let mut bytes = Vec::new();
        xen_store::wire::encode(kind, 1, 99, b"", &mut bytes).unwrap();
        let replies = store.send_raw("5", &bytes);
        assert_eq!(replies[0].payload, b"ENOSYS\0", "{kind}");
    }
}

#[test]
fn rm() {
    run("t WRITE /a/b/c|1 -> OK|
         t RM /a/b| -> OK|
         t READ /a/b/c| -> !ENOENT
         t RM /a/b| -> OK|           # the parent is there
         t RM /a/b/c| -> !ENOENT     # the parent is not
         t RM /| -> !EINVAL
         t DIRECTORY /a| -> ");
}

#[test]
fn children_are_listed_by_age() {
    run("t WRITE /d/zebra|1 -> OK|
         t WRITE /d/ape|1 -> OK|
         t WRITE /d/mole|1 -> OK|
         t DIRECTORY /d| -> zebra|ape|mole|
         t RM /d/ape| -> OK|
         t WRITE /d/ape|1 -> OK|
         t DIRECTORY /d| -> zebra|mole|ape|");
}

#[test]
fn directory_part_goes_on_where_it_stopped() {
    let mut store = common::Store::new();
    let names: Vec<String> = (0..1200).map(|n| format!("child-{n:04}")).collect();
    for name in &names {
        store.run(&format!("t WRITE /d/{name}|1 -> OK|"));
    }
    store.run(
        "t DIRECTORY /d| -> !E2BIG
               t DIRECTORY_PART /d| -> !EINVAL
               t DIRECTORY_PART /none|0| -> !ENOENT",
    );
    let mut listed = String::new();
    let mut generation = None;
    loop {
        let request = format!("/d\0{}\0", listed.len());
        let reply = store.ask("t", xen_store::wire::MsgType::DirectoryPart, 0, request.as_bytes());
        assert!(reply.len() <= 4096);
        let (now, part) = reply.split_once('|').unwrap();
        assert_eq!(*generation.get_or_insert(now.to_owned()), now);
        match part.strip_suffix("||") {
            Some(last) => {
                listed += last;
                break;
            }
            None => listed += part,
        }
    }
    assert_eq!(listed.split('|').collect::<Vec<_>>(), names);
    let past = store.ask("t", xen_store::wire::MsgType::DirectoryPart, 0, b"/d\0999999\0");
    assert_eq!(past, format!("{}||", generation.unwrap()));
}

#[test]
fn relative_paths_start_at_home() {
    run("t WRITE zzz|1 -> OK|                 # a socket's home is dom0's
         t READ /local/domain/0/zzz| -> 1
         t MKDIR /local/domain/5| -> OK|
         t SET_PERMS /local/domain/5|n5| -> OK|
         5 WRITE data/x|2 -> OK|
         t READ /local/domain/5/data/x| -> 2
         5 GET_DOMAIN_PATH 7| -> /local/domain/7|
         t GET_DOMAIN_PATH | -> /local/domain/0|
         t GET_DOMAIN_PATH 7 -> !EINVAL");
}

#[test]
fn control() {
    run("t CONTROL check| -> OK|
         t CONTROL print|hello| -> OK|
         t CONTROL nonsense| -> !EINVAL
         t CONTROL  -> !EINVAL
         5 CONTROL check| -> !EACCES");
    let mut store = common::Store::new();
    let help = store.ask("t", xen_store::wire::MsgType::Control, 0, b"help\0");
    assert!(help.contains("check") && help.contains("quota"), "{help}");
    let quota = store.ask("t", xen_store::wire::MsgType::Control, 0, b"quota\0");
    assert!(quota.contains("nodes            :     1000"), "{quota}");
}

#[test]
fn privileged_requests_are_refused_to_domains() {
    for request in ["INTRODUCE 6|1|1|", "RELEASE 6|", "IS_DOMAIN_INTRODUCED 6|", "RESUME 6|", "SET_TARGET 5|6|", "CONTROL check|"] {
        run(&format!("5 {request} -> !EACCES"));
    }
}
