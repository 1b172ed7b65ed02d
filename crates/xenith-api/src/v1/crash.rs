//! Crash reports: what was known of a domain when it crashed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A domain that crashed, or whose watchdog ran out, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CrashReport {
    /// The report's identity.
    pub id: Uuid,
    /// When it was found, in milliseconds since 1970.
    pub time_ms: u64,
    /// The domain's name.
    pub name: String,
    /// Its uuid.
    pub uuid: Uuid,
    /// Its number.
    pub domid: u16,
    /// Why it stopped: `crash` or `watchdog`.
    pub reason: String,
    /// The registers of every vcpu that was started.
    pub vcpus: Vec<VcpuRegisters>,
    /// The end of its console's log, up to 64 KiB; bytes that are no UTF-8 are replaced.
    pub console: String,
    /// The core dump, where one was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<String>,
}

/// A crash report in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Crash {
    /// The report's identity.
    pub id: Uuid,
    /// When it was found, in milliseconds since 1970.
    pub time_ms: u64,
    /// The domain's name.
    pub name: String,
    /// Its uuid.
    pub uuid: Uuid,
    /// Its number.
    pub domid: u16,
    /// Why it stopped: `crash` or `watchdog`.
    pub reason: String,
    /// The core dump, where one was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<String>,
}

/// One vcpu's registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VcpuRegisters {
    /// The vcpu.
    pub vcpu: u32,
    /// Each register's value by its name, as text: `0x00000000001000b2`.
    pub registers: BTreeMap<String, String>,
}

/// `POST /v1/domains/{id}/dump-core`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DumpRequest {
    /// Absolute path of the file on the daemon's host, which must not be there yet; by default one in the daemon's own directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// A core dump that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CoreDump {
    /// The file, on the daemon's host.
    pub path: String,
    /// Pages of 4 KiB that the domain had.
    pub pages: u64,
    /// Those of them that take room: pages of zeroes are holes of the file.
    pub filled: u64,
    /// The file's length in bytes, holes included.
    pub bytes: u64,
}
