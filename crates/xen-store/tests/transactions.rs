//! Transactions: isolation, conflicts, commits that would have been the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::run;

#[test]
fn changes_are_seen_at_the_end_and_not_before() {
    run("t TRANSACTION_START | -> 1|
         t@1 WRITE /a|1 -> OK|
         t@1 READ /a| -> 1
         u READ /a| -> !ENOENT
         u WATCH /a|w| -> OK|
         u <= /a|w|
         u <= -
         t@1 TRANSACTION_END T| -> OK|
         u <= /a|w|
         u READ /a| -> 1
         t@1 READ /a| -> !ENOENT
         t@1 TRANSACTION_END T| -> !ENOENT
         t TRANSACTION_END T| -> !ENOENT");
}

#[test]
fn dropped_transactions_leave_nothing() {
    run("t TRANSACTION_START | -> 1|
         t@1 WRITE /a|1 -> OK|
         t@1 TRANSACTION_END X| -> !EINVAL
         t@1 TRANSACTION_END T -> !EINVAL
         t@1 TRANSACTION_END F| -> OK|
         t READ /a| -> !ENOENT
         t TRANSACTION_START | -> 2|
         t@2 TRANSACTION_START | -> !EBUSY
         t@9 TRANSACTION_START | -> !ENOENT
         t@9 WATCH /a|w| -> OK|            # watches know no transactions
         u@2 READ /| -> !ENOENT            # numbers belong to a connection");
}

#[test]
fn a_view_does_not_change_under_its_reader() {
    run("t WRITE /a|1 -> OK|
         t TRANSACTION_START | -> 1|
         u WRITE /a|2 -> OK|
         t@1 READ /a| -> 1
         t@1 TRANSACTION_END T| -> !EAGAIN");
}

#[test]
fn what_was_read_and_changed_conflicts() {
    run("t WRITE /a|1 -> OK|
         t TRANSACTION_START | -> 1|
         t@1 READ /a| -> 1
         t@1 WRITE /b|x -> OK|
         u WRITE /a|2 -> OK|
         t@1 TRANSACTION_END T| -> !EAGAIN
         t READ /b| -> !ENOENT
         t TRANSACTION_START | -> 2|
         t@2 READ /none| -> !ENOENT
         u WRITE /none|1 -> OK|
         t@2 TRANSACTION_END T| -> !EAGAIN
         t TRANSACTION_START | -> 3|
         t@3 GET_PERMS /a| -> n0|
         u SET_PERMS /a|r0| -> OK|
         t@3 TRANSACTION_END T| -> !EAGAIN");
}

#[test]
fn creators_of_siblings_do_not_conflict_unless_they_listed() {
    run("t MKDIR /d| -> OK|
         t TRANSACTION_START | -> 1|
         u TRANSACTION_START | -> 1|
         v TRANSACTION_START | -> 1|
         t@1 WRITE /d/t|1 -> OK|
         u@1 WRITE /d/u|1 -> OK|
         v@1 DIRECTORY /d| ->
         v@1 WRITE /d/v|1 -> OK|
         t@1 TRANSACTION_END T| -> OK|
         u@1 TRANSACTION_END T| -> OK|
         v@1 TRANSACTION_END T| -> !EAGAIN
         t DIRECTORY /d| -> t|u|");
}

#[test]
fn unrelated_changes_do_not_conflict() {
    run("t WRITE /a|1 -> OK|
         t TRANSACTION_START | -> 1|
         t@1 READ /a| -> 1
         t@1 WRITE /a|2 -> OK|
         t@1 RM /tool/xenstored| -> OK|
         u WRITE /elsewhere|x -> OK|
         t@1 TRANSACTION_END T| -> OK|
         t READ /a| -> 2
         t READ /elsewhere| -> x
         t DIRECTORY /tool| ->");
}

#[test]
fn replies_that_would_have_been_the_same_are_accepted() {
    run("t WRITE /a|1 -> OK|
         t TRANSACTION_START | -> 1|
         t@1 READ /a| -> 1
         u WRITE /a|2 -> OK|
         u WRITE /a|1 -> OK|
         t@1 WRITE /b|seen -> OK|
         t@1 TRANSACTION_END T| -> OK|
         t READ /b| -> seen");
}

#[test]
fn a_domain_that_dies_takes_nothing_back_with_it() {
    run("t INTRODUCE 5|1|1| -> OK|
         t TRANSACTION_START | -> 1|
         t@1 WRITE /x|1 -> OK|
         t@1 SET_PERMS /x|n5| -> OK|
         dies 5
         unknown 5
         t@1 TRANSACTION_END T| -> !EAGAIN
         t READ /x| -> !ENOENT");
}

#[test]
fn events_of_a_commit_come_in_order() {
    run("t WATCH /d|w| -> OK|
         t <= /d|w|
         t TRANSACTION_START | -> 1|
         t@1 WRITE /d/b|1 -> OK|
         t@1 WRITE /d/a|1 -> OK|
         t@1 WRITE /d/b|2 -> OK|
         t@1 RM /d/a| -> OK|
         t <= -
         u WRITE /other|1 -> OK|
         t@1 TRANSACTION_END T| -> OK|
         t <= /d/b|w|
         t <= /d/a|w|
         t <= -");
}
