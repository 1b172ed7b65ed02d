//! The doctor: what was left behind, by whomever.
//!
//! ```text
//!   look (Xen, store, ports, journal) --> Facts --judge, pure--> findings --anything?--> a second later: look, judge; what stands in both counts
//!                                                                                                   |
//!                                                             clean: nodes, claims, half-made domains, operations --+
//! ```
//!
//! What is on its way is no finding: a create or a destroy, of ours or of others, passes within the second.

mod clean;
mod holders;
mod judge;
mod look;

use xen_abi::DomId;
use xen_store::path::StorePath;
use xenith_api::latest::{Finding, FindingKind};
use xenith_engine::engine::Seen;

pub(crate) use holders::holders;
pub(crate) use judge::judge;
pub(crate) use look::look;

/// What is cleaned up, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Whoever holds it must let go.
    None,
    /// The domain is destroyed.
    Destroy(DomId),
    /// These nodes are removed, unless the domain is there by then.
    Remove(Option<DomId>, Vec<StorePath>),
    /// The claim is given back.
    Unclaim(DomId),
    /// Operations are finished or taken back.
    Recover,
}

/// A finding and its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) told: Finding,
    pub(crate) remedy: Remedy,
}

impl Found {
    fn new(kind: FindingKind, subject: impl Into<String>, detail: String, remedy: Remedy) -> Found {
        let cleanable = remedy != Remedy::None;
        let told = Finding { kind, subject: subject.into(), detail, memory_kib: 0, holders: Vec::new(), cleanable, cleaned: false };
        Found { told, remedy }
    }

    /// Whether the two are the same thing, seen twice.
    pub(crate) fn is(&self, other: &Found) -> bool {
        self.told.kind == other.told.kind && self.told.subject == other.told.subject
    }
}

/// What a look gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Every domain.
    pub(crate) domains: Vec<Seen>,
    /// Those that an operation of ours has in hand.
    pub(crate) in_hand: Vec<uuid::Uuid>,
    /// Those of ours that are whole.
    pub(crate) own: Vec<uuid::Uuid>,
    /// Numbers that have a directory of their own, and whether a name stands there.
    pub(crate) homes: Vec<(DomId, bool)>,
    /// Numbers that the tools have a record of.
    pub(crate) libxl: Vec<DomId>,
    /// Uuids that have a directory.
    pub(crate) vms: Vec<String>,
    /// Directories that living domains call theirs.
    pub(crate) named_vms: Vec<String>,
    /// Backends' directories, and for whom each is.
    pub(crate) backends: Vec<(DomId, StorePath)>,
    /// The control domain's ports that wait for somebody.
    pub(crate) ports: Vec<(u32, DomId)>,
    /// Operations that nobody works on.
    pub(crate) unfinished: Vec<String>,
    /// Files of the journal that cannot be read.
    pub(crate) unreadable: Vec<String>,
}
