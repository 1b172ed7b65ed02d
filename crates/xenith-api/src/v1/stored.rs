//! Stored configs: what a domain shall be from its next start on, kept across reboots of the host.
//!
//! ```text
//!   PUT /v1/configs/web --> stored (wanted) ---- POST /v1/configs/web/start, or the domain restarts ----> created from it (observed)
//!                              \--- `pending`: the domain that runs was created from something else ---/
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::domain::DomainConfig;

/// A stored config, and how the domain of its name stands to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoredConfig {
    /// What is wanted, with the uuid that every start uses.
    pub config: DomainConfig,
    /// Names this version of it, as in the header `ETag`; a change says which one it changes with `If-Match`.
    pub etag: String,
    /// The number of its domain; none where that does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domid: Option<u16>,
    /// Its domain runs with another config: what is stored counts from its next start on.
    #[serde(default)]
    pub pending: bool,
    /// Where the two differ, key by key: `from` is what runs, `to` is what is stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

/// `POST /v1/configs/{id}/start`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// Leave it paused before its first instruction.
    #[serde(default)]
    pub paused: bool,
}

/// One key that two configs do not agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The key with its table: `boot.kernel`.
    pub key: String,
    /// Its value as JSON text in the first; none where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its value in the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}
