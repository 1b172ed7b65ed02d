//! What the lines of a page say. A field that an older daemon does not know is ignored by it; a field is never given a second meaning.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xenith_api::latest::DomainConfig;

/// The first line: what is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum Operation {
    /// Create a domain.
    Create(CreateEntry),
    /// Destroy a domain.
    Destroy(DestroyEntry),
    /// Destroy a domain and create it again; each of the two has a page of its own besides.
    Restart(RestartEntry),
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
