//! Who hears of which change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Store, run};

#[test]
fn the_first_event_follows_the_reply() {
    let mut store = Store::new();
    let mut bytes = Vec::new();
    xen_store::wire::encode(4, 9, 0, b"/a\0token\0", &mut bytes).unwrap();
    let conn = store.conn("t");
    store.server.input(conn, &bytes);
    store.settle();
    let mut out = Vec::new();
    store.server.output(conn, 4096, &mut out);
    let mut parser = xen_store::wire::Parser::default();
    parser.push(&out);
    let kinds: Vec<u32> = std::iter::from_fn(|| parser.next_message().unwrap()).map(|message| message.kind).collect();
    assert_eq!(kinds, [4, 15]);
}

#[test]
fn a_watch_hears_of_its_node_and_below() {
    run("t WATCH /a|t| -> OK|
         t <= /a|t|
         t WATCH /a|t| -> !EEXIST
         t WATCH /a|other| -> OK|
         t <= /a|other|
         t UNWATCH /a|other| -> OK|
         t UNWATCH /a|other| -> !ENOENT
         t WRITE /a|1 -> OK|
         t <= /a|t|
         t WRITE /a/b/c|1 -> OK|
         t <= /a/b/c|t|
         t MKDIR /a/b/c| -> OK|          # nothing changed
         t <= -
         t MKDIR /a/d| -> OK|
         t <= /a/d|t|
         t SET_PERMS /a/d|n0|r5| -> OK|
         t <= /a/d|t|
         t WRITE /ab|1 -> OK|
         t <= -
         t WATCH /a -> !EINVAL
         t WATCH /a| -> !EINVAL
         t WATCH //|t| -> !EINVAL
         t WATCH /a|t|deep| -> !EEXIST    # a depth of 0, as C takes it
         t WATCH /a|t|-1| -> !EINVAL
         t WATCH /a|t|1|1| -> !EINVAL");
}

#[test]
fn removal_is_told_once_above_and_by_name_below() {
    run("t WRITE /a/b/c/d|1 -> OK|
         t WRITE /a/b/e|1 -> OK|
         t WATCH /|root| -> OK|
         t <= /|root|
         t WATCH /a/b/c/d|d| -> OK|
         t <= /a/b/c/d|d|
         t WATCH /a/b/e|e| -> OK|
         t <= /a/b/e|e|
         t WATCH /a/b/missing|m| -> OK|
         t <= /a/b/missing|m|
         t WATCH /a/b|b| -> OK|
         t <= /a/b|b|
         t RM /a/b| -> OK|
         t <= /a/b/c/d|d|
         t <= /a/b/e|e|
         t <= /a/b|root|
         t <= /a/b|b|
         t <= -");
}

#[test]
fn depth_limits_what_is_heard() {
    run("t WATCH /a|zero|0| -> OK|
         t <= /a|zero|
         u WATCH /a|one|1| -> OK|
         u <= /a|one|
         t WRITE /a/b|1 -> OK|
         t <= -
         u <= /a/b|one|
         t WRITE /a/b/c|1 -> OK|
         u <= -
         t WRITE /a|1 -> OK|
         t <= /a|zero|
         u <= /a|one|");
}

#[test]
fn relative_watches_get_relative_paths() {
    run("t MKDIR /local/domain/5| -> OK|
         t SET_PERMS /local/domain/5|n5| -> OK|
         5 WATCH data|t| -> OK|
         5 <= data|t|
         5 WRITE data/x|1 -> OK|
         5 <= data/x|t|
         5 WATCH /local/domain/5/data|abs| -> OK|
         5 <= /local/domain/5/data|abs|
         t RM /local/domain/5/data| -> OK|
         5 <= data|t|
         5 <= /local/domain/5/data|abs|
         5 UNWATCH data|t| -> OK|");
}

#[test]
fn only_readers_of_node_or_parent_hear() {
    run("t WRITE /secret/x|1 -> OK|
         t WRITE /open|1 -> OK|
         t SET_PERMS /open|r0| -> OK|
         5 WATCH /secret/x|s| -> OK|
         5 <= /secret/x|s|              # the first event tells nothing
         5 WATCH /open|o| -> OK|
         5 <= /open|o|
         t WRITE /secret/x|2 -> OK|
         5 <= -
         t WRITE /open/hidden|1 -> OK|  # the parent is readable
         5 <= /open/hidden|o|
         t SET_PERMS /open|n0| -> OK|   # it was readable before
         5 <= /open|o|
         t WRITE /open|2 -> OK|
         5 <= -
         t RM /secret| -> OK|
         5 <= -");
}

#[test]
fn special_watches_need_permission() {
    run("5 WATCH @releaseDomain|r| -> OK|
         5 <= @releaseDomain|r|
         5 WATCH @introduceDomain|i| -> OK|
         5 <= @introduceDomain|i|
         t INTRODUCE 6|1|1| -> OK|
         5 <= -
         dies 6
         5 <= @releaseDomain|r|         # everybody may read it since 4.22
         t SET_PERMS @releaseDomain|n0| -> OK|
         5 <= @releaseDomain|r|         # it could read it before
         t INTRODUCE 6|1|1| -> OK|
         dies 6
         5 <= -
         t SET_PERMS @releaseDomain|n0|r5| -> OK|
         5 <= @releaseDomain|r|
         t INTRODUCE 6|1|1| -> OK|
         dies 6
         5 <= @releaseDomain|r|
         5 GET_PERMS @releaseDomain| -> n0|r5|
         5 SET_PERMS @releaseDomain|n5| -> !EACCES");
}

#[test]
fn the_same_unread_event_comes_once() {
    let mut store = Store::new();
    store.run(
        "t WATCH /a|t| -> OK|
               t <= /a|t|
               u WRITE /a|1 -> OK|
               u WRITE /a|2 -> OK|
               u WRITE /a/b|2 -> OK|
               u WRITE /a|3 -> OK|
               t <= /a|t|
               t <= /a/b|t|
               t <= -
               u WRITE /a|4 -> OK|
               t <= /a|t|",
    );
}

#[test]
fn watches_go_with_their_connection_and_with_reset() {
    let mut store = Store::new();
    store.run(
        "t WATCH /a|t| -> OK|
               t <= /a|t|
               t TRANSACTION_START | -> 1|
               t RESET_WATCHES | -> OK|
               t@1 READ /| -> !ENOENT
               u WRITE /a|1 -> OK|
               t <= -
               t WATCH /a|t| -> OK|
               t <= /a|t|",
    );
    let conn = store.conn("t");
    store.server.disconnect(conn);
    store.run("u WRITE /a|2 -> OK|");
    assert!(!store.server.has_output(conn));
}

#[test]
fn an_event_too_long_is_dropped() {
    let token = "t".repeat(2500);
    let path = format!("/{}", "p".repeat(1560));
    run(&format!(
        "t WATCH {path}|{token}| -> OK|
                  t WRITE {path}/{}|1 -> OK|
                  t READ /none| -> !ENOENT",
        "q".repeat(100)
    ));
}

#[test]
fn depth_on_a_special_name_tells_whom() {
    run("t INTRODUCE 5|1|1| -> OK|
         t WATCH @releaseDomain|plain| -> OK|
         t <= @releaseDomain|plain|
         t WATCH @releaseDomain|zero|0| -> OK|
         t <= @releaseDomain|zero|
         t WATCH @releaseDomain|one|1| -> OK|
         t <= @releaseDomain|one|
         t WATCH @releaseDomain/5|five| -> OK|
         t <= @releaseDomain/5|five|
         t WATCH @releaseDomain/6|six| -> OK|
         t <= @releaseDomain/6|six|
         t WATCH /|all|9| -> OK|
         t <= /|all|
         u WATCH @introduceDomain|new|1| -> OK|
         u <= @introduceDomain|new|
         shutdown 5
         t <= @releaseDomain/5|one|
         t <= @releaseDomain/5|five|
         t <= @releaseDomain|plain|
         t <= -
         dies 5
         t <= @releaseDomain|plain|
         t <= @releaseDomain/5|one|
         t <= @releaseDomain/5|five|
         t <= -
         t INTRODUCE 6|1|1| -> OK|
         u <= @introduceDomain/6|new|
         t RELEASE 6| -> OK|
         t <= @releaseDomain|plain|
         t <= @releaseDomain/6|one|
         t <= @releaseDomain/6|six|
         t <= -
         t GET_PERMS @releaseDomain/6| -> !ENOENT");
}
