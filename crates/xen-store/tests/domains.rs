//! Domains come, shut down and go.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Store, run};
use xen_abi::DomId;
use xen_store::server::{DomainState, Effect};

#[test]
fn introduce_and_release() {
    run("t WATCH @introduceDomain|i| -> OK|
         t <= @introduceDomain|i|
         t WATCH @releaseDomain|r| -> OK|
         t <= @releaseDomain|r|
         t IS_DOMAIN_INTRODUCED 5| -> F|
         t INTRODUCE 5|1234|7| -> OK|
         t <= @introduceDomain|i|
         t IS_DOMAIN_INTRODUCED 5| -> T|
         t IS_DOMAIN_INTRODUCED 32752| -> T|    # DOMID_SELF
         t INTRODUCE 5|1234|8| -> OK|           # again: kexec
         t <= -
         t RELEASE 5| -> OK|
         t <= @releaseDomain|r|
         t <= -
         t IS_DOMAIN_INTRODUCED 5| -> F|
         t RELEASE 5| -> !ENOENT
         t RELEASE 0| -> !EINVAL
         t RESUME 5| -> !ENOENT
         t INTRODUCE 5|1| -> !EINVAL
         t INTRODUCE 5|1|0| -> !EINVAL
         t INTRODUCE 6|-1|9|more|fields| -> OK|
         unknown 7
         t INTRODUCE 7|1|1| -> !ENOENT
         t IS_DOMAIN_INTRODUCED 7| -> F|");
}

#[test]
fn shutdown_and_death_each_fire_once() {
    run("t WATCH @releaseDomain|r| -> OK|
         t <= @releaseDomain|r|
         t INTRODUCE 5|1|1| -> OK|
         shutdown 5
         t <= @releaseDomain|r|
         shutdown 5
         t <= -
         t RESUME 5| -> OK|
         shutdown 5
         t <= @releaseDomain|r|
         dies 5
         t <= @releaseDomain|r|
         dies 5
         t <= -");
}

#[test]
fn a_dead_domain_leaves_nothing() {
    run("t INTRODUCE 5|1|1| -> OK|
         t MKDIR /local/domain/5| -> OK|
         t SET_PERMS /local/domain/5|n5| -> OK|
         5 WRITE a/b/c|x -> OK|
         t WRITE /shared|x -> OK|
         t SET_PERMS /shared|n0|b5| -> OK|
         t WRITE /elsewhere/x|1 -> OK|
         t SET_PERMS /elsewhere/x|n5| -> OK|
         5 READ /shared| -> x
         t WATCH /elsewhere|w| -> OK|
         t <= /elsewhere|w|
         t WATCH /local/domain/5/a/b|deep| -> OK|
         t <= /local/domain/5/a/b|deep|
         dies 5
         t <= /local/domain/5/a/b|deep|
         t <= /elsewhere/x|w|
         t <= -
         t DIRECTORY /elsewhere| ->
         t READ /local/domain/5| -> !ENOENT
         t INTRODUCE 5|1|1| -> OK|
         5 READ /shared| -> !EACCES              # the next domain 5 inherits nothing
         t GET_PERMS /shared| -> n0|b5|
         t SET_PERMS /shared|n0|b5| -> OK|
         5 READ /shared| -> x");
}

#[test]
fn the_root_outlives_its_owner() {
    run("t INTRODUCE 5|1|1| -> OK|
         t WRITE /keep|x -> OK|
         t SET_PERMS /|b5| -> OK|
         5 WRITE /own|x -> OK|
         dies 5
         t GET_PERMS /| -> n0|
         t READ /keep| -> x
         t READ /own| -> !ENOENT
         t WRITE /more|x -> OK|");
}

#[test]
fn permissions_can_name_a_domain_before_it_is_introduced() {
    run("t WRITE /a|1 -> OK|
         t SET_PERMS /a|n0|r5| -> OK|
         t INTRODUCE 5|1|1| -> OK|
         5 READ /a| -> 1
         unknown 9
         t SET_PERMS /a|n9| -> !ENOENT           # nobody can own for a domain that is not there
         t SET_PERMS /a|n0|r9| -> OK|
         exists 9
         t INTRODUCE 9|1|1| -> OK|
         9 READ /a| -> !EACCES                   # it got the number after the list was set
         t INTRODUCE 8|1|1| -> OK|
         8 READ /a| -> !EACCES");
}

#[test]
fn set_target_lends_rights() {
    run("t INTRODUCE 5|1|1| -> OK|
         t INTRODUCE 6|1|1| -> OK|
         t WRITE /a|1 -> OK|
         t SET_PERMS /a|n0|r5| -> OK|
         t SET_TARGET 6|7| -> !ENOENT
         t SET_TARGET 6| -> !EINVAL
         6 READ /a| -> !EACCES
         t SET_TARGET 6|5| -> OK|
         6 READ /a| -> 1
         dies 5
         6 READ /a| -> !EACCES");
}

#[test]
fn the_shell_learns_what_to_do() {
    let mut store = Store::new();
    store.run("t INTRODUCE 5|4660|7| -> OK|");
    let introduce = store.effects.iter().find_map(|effect| match effect {
        Effect::Introduce { domid, gfn, port, again, .. } => Some((domid.0, gfn.0, port.0, *again)),
        _ => None,
    });
    assert_eq!(introduce, Some((5, 4660, 7, false)));
    assert_eq!(store.server.watched_domains(), [DomId(5)]);
    let ring = store.server.ring_of(DomId(5)).unwrap();
    store.states(&[(5, DomainState::Alive), (5, DomainState::Gone), (0, DomainState::Gone)]);
    assert_eq!(store.effects.last(), Some(&Effect::Release { conn: ring, domid: DomId(5) }));
    assert_eq!(store.server.ring_of(DomId(5)), None);
}

#[test]
fn the_same_number_a_thousand_times() {
    let mut store = Store::new();
    for _ in 0..1000 {
        store.run(
            "t INTRODUCE 5|1|1| -> OK|
                   t MKDIR /local/domain/5| -> OK|
                   t SET_PERMS /local/domain/5|n5| -> OK|
                   5 WATCH data|t| -> OK|
                   5 WRITE data/y|z -> OK|
                   dies 5",
        );
    }
    assert_eq!(store.server.tree().accounts().iter().count(), 1);
}
