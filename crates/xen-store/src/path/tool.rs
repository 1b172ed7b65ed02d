//! `/tool`: where daemons say who and where they are.

use super::StorePath;

/// The directory itself.
#[must_use]
pub fn root() -> StorePath {
    StorePath::root().below("tool")
}

/// The store's own node; xenstore-control reads it to see what it talks to.
#[must_use]
pub fn xenstored() -> StorePath {
    root().below("xenstored")
}

/// Domid of the domain that runs the store, where that is not dom0.
#[must_use]
pub fn xenstored_domid() -> StorePath {
    xenstored().below("domid")
}

/// Domid of the domain that runs the console daemon, where that is not dom0.
#[must_use]
pub fn xenconsoled_domid() -> StorePath {
    root().below("xenconsoled/domid")
}

/// Directory of our own daemons.
#[must_use]
pub fn xenith() -> StorePath {
    root().below("xenith")
}
