//! What the lines of a page say. A field that an older daemon does not know is ignored by it; a field is never given a second meaning.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xenith_api::latest::DomainConfig;
use xenith_api::latest::domain::memory_to_text;

use crate::record::DomainRecord;

/// The first line: what is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum Operation {
    /// Create a domain.
    Create(CreateEntry),
    /// Destroy a domain.
    Destroy(DestroyEntry),
    /// Write a core dump.
    Dump(DumpEntry),
    /// Give a domain another name, or another uuid as well.
    Rename(RenameEntry),
    /// Change memory and vcpus of a domain that runs.
    Resize(ResizeEntry),
    /// Destroy or rename a domain and create it again; each of the two has a page of its own besides.
    Restart(RestartEntry),
    /// Let a domain go on in place.
    SoftReset(SoftResetEntry),
}

/// A create, with all that finishing it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateEntry {
    /// The domain's handle, chosen before Xen is asked, so that a domain whose number was never written down is found by it.
    pub uuid: Uuid,
    /// Whether it shall stay paused.
    pub paused: bool,
    /// When it was asked for, in milliseconds since 1970.
    pub created_ms: u64,
    /// How many times in a row it was restarted soon after its creation.
    pub quick_restarts: u32,
    /// The index of the first step that comes once the domain is whole: from there on a create is resumed, before it is unwound.
    pub whole_from: usize,
    /// What it is created from.
    pub config: DomainConfig,
}

/// A destroy, with all that finishing it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyEntry {
    /// The domain's handle: a number alone could be another domain's by now.
    pub uuid: Uuid,
    /// The number that it had.
    pub domid: u16,
    /// Its name, for the log.
    pub name: String,
}

/// A core dump, with all that taking it back takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpEntry {
    /// The domain's handle.
    pub uuid: Uuid,
    /// Its number.
    pub domid: u16,
    /// Its name, for the log.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// How much data it may hold, in bytes.
    pub limit_bytes: u64,
    /// Whether the domain is paused for it.
    pub pause: bool,
}

/// Who a domain is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its handle.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
}

/// A rename, with all that finishing it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenameEntry {
    /// The domain's number.
    pub domid: u16,
    /// Who it was.
    pub from: Identity,
    /// Who it is to be.
    pub to: Identity,
    /// What is kept of a domain of ours, as it was.
    pub record: Option<DomainRecord>,
}

impl RenameEntry {
    /// What is kept of a domain of ours afterwards.
    #[must_use]
    pub fn renamed(&self) -> Option<DomainRecord> {
        self.record.as_ref().map(|record| record.renamed(&self.from, &self.to))
    }
}

/// How much memory a domain is told to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemorySize {
    /// The balloon's target in KiB.
    pub target_kib: u64,
    /// The bound in Xen in KiB.
    pub bound_kib: u64,
}

/// How large a domain is told to be, as far as that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Its memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemorySize>,
    /// Which of its vcpus are online, by number; empty where that does not change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub online: Vec<bool>,
}

impl Size {
    /// How many vcpus are online, where that changes.
    #[must_use]
    pub fn vcpus(&self) -> Option<usize> {
        (!self.online.is_empty()).then(|| self.online.iter().filter(|online| **online).count())
    }
}

/// A resize, with all that finishing it or taking it back takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResizeEntry {
    /// The domain's handle.
    pub uuid: Uuid,
    /// Its number.
    pub domid: u16,
    /// Its name, for the log.
    pub name: String,
    /// What it was told.
    pub from: Size,
    /// What it is told.
    pub to: Size,
    /// What Xen is told that it shall have, in KiB, where its memory may be populated on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_target_kib: Option<u64>,
}

impl ResizeEntry {
    /// What changed, in a line.
    #[must_use]
    pub fn changes(&self) -> String {
        let memory = self.from.memory.zip(self.to.memory).filter(|(from, to)| from != to);
        let memory = memory.map(|(from, to)| format!("memory {} to {}", memory_to_text(from.target_kib), memory_to_text(to.target_kib)));
        let vcpus = self.from.vcpus().zip(self.to.vcpus()).filter(|_| self.from.online != self.to.online);
        let vcpus = vcpus.map(|(from, to)| format!("vcpus {from} to {to}"));
        memory.into_iter().chain(vcpus).collect::<Vec<_>>().join(", ")
    }
}

/// A restart, with all that finishing it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartEntry {
    /// The domain's handle, before and after.
    pub uuid: Uuid,
    /// The number that it had.
    pub domid: u16,
    /// How many times in a row it was restarted soon after its creation, with this one.
    pub quick_restarts: u32,
    /// What it is created from again.
    pub config: DomainConfig,
    /// Who the stopped domain is from then on; without it, it is destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<RenameEntry>,
}

/// A soft reset, with all that finishing it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftResetEntry {
    /// The domain's handle.
    pub uuid: Uuid,
    /// Its number.
    pub domid: u16,
    /// When it was asked for, in milliseconds since 1970: it starts anew.
    pub started_ms: u64,
    /// How many times in a row it started anew soon after it had, with this one.
    pub quick_restarts: u32,
    /// What it was created from.
    pub config: DomainConfig,
}

impl SoftResetEntry {
    /// What is kept of the domain afterwards.
    #[must_use]
    pub fn record(&self) -> DomainRecord {
        let SoftResetEntry { uuid, domid, started_ms: created_ms, quick_restarts, ref config } = *self;
        DomainRecord { uuid, domid, created_ms, quick_restarts, held: false, config: config.clone() }
    }
}

/// A later line: how far it got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// This step has happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<usize>,
    /// This step may have happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<usize>,
    /// This step has been undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<usize>,
    /// This step may have been undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoing: Option<usize>,
    /// What is known now, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

impl Mark {
    /// The mark before a step.
    #[must_use]
    pub fn doing(step: usize) -> Mark {
        Mark { doing: Some(step), ..Mark::default() }
    }
}

/// What the steps found out so far and later ones need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The number that Xen gave the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domid: Option<u16>,
    /// The guest's port towards the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_port: Option<u32>,
    /// The guest's port towards the console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_port: Option<u32>,
}
