//! Operations: what takes longer than a second, or may.
//!
//! ```text
//!   asked --> running --> succeeded | failed | cancelled        each end once; kept for a while, then forgotten
//!                ^ cancel: turns back, where it can
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::crash::CoreDump;
use super::domain::{Domain, Step};
use super::problem::Problem;

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Operation {
    /// Its identity; a retry with the same idempotency key is the same operation.
    pub id: Uuid,
    /// What is done.
    pub kind: OperationKind,
    /// To what: the domain's name.
    pub subject: String,
    /// How far it is.
    pub state: OperationState,
    /// Who asked: `uid 0`, or `xenith` for what a domain's own config wants.
    pub caller: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// Steps done.
    pub done: u32,
    /// Steps in all; 0 where it is not planned yet, or has no steps.
    pub total: u32,
    /// Somebody asked to cancel it.
    pub cancelling: bool,
    /// The plan's steps, with how long each took once it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// How much of the step under way is done, in percent, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// The core dump that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<CoreDump>,
    /// The domain that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// It is under way.
    Running,
    /// It was done.
    Succeeded,
    /// It failed and was taken back as far as possible; `error` says more.
    Failed,
    /// Somebody cancelled it, and it was taken back.
    Cancelled,
}

/// What an operation does. More kinds may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-open" = true))]
pub enum OperationKind {
    /// Creates a domain.
    Create,
    /// Destroys a domain.
    Destroy,
    /// Waits for a domain to shut down.
    Shutdown,
    /// Waits for a domain to reboot.
    Reboot,
    /// Restarts a domain that stopped.
    Restart,
    /// Writes a core dump.
    DumpCore,
    /// One that this client does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}
