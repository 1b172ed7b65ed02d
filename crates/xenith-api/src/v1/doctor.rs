//! What the doctor finds: whatever stands for a domain that is not there, and whoever keeps one from going.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /v1/doctor`, and the answer to `POST /v1/doctor/clean`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// Nothing is left behind, or all of it was cleaned up.
    pub clean: bool,
    /// What was found, in a stable order.
    pub findings: Vec<Finding>,
}

/// Something that was left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// Whose: `d5`, `/vm/0b27...`.
    pub subject: String,
    /// One line for a person: what it is, and what to do where it cannot be cleaned up.
    pub detail: String,
    /// Memory that it keeps from others, in KiB.
    #[serde(default)]
    pub memory_kib: u64,
    /// Who may hold it: processes that map memory of other domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holder>,
    /// Whether `POST /v1/doctor/clean` can clean it up.
    pub cleanable: bool,
    /// It was cleaned up just now.
    #[serde(default)]
    pub cleaned: bool,
}

/// A process that maps memory of other domains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// Its number in the control domain.
    pub pid: u32,
    /// Its name, as the kernel tells it.
    pub name: String,
    /// The device node by which it maps: `/dev/xen/gntdev`.
    pub through: String,
}

/// What was left behind. More kinds may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-open" = true))]
pub enum FindingKind {
    /// A domain that was destroyed and does not go: somebody holds pages of it.
    DyingDomain,
    /// A domain that nobody named and that never ran: its creator died over it.
    HalfMadeDomain,
    /// Store nodes of a domain that is not there.
    LeftoverNodes,
    /// A port of the control domain that waits for a domain that is not there.
    LeftoverEventChannel,
    /// Memory promised to a domain that is built already.
    LeftoverClaim,
    /// An operation of ours that is not over, and that nobody works on.
    UnfinishedOperation,
    /// A file of ours that cannot be read.
    UnreadableFile,
    /// One that this client does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}
