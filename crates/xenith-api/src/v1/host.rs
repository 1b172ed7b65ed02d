//! The host, and the API's own root.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::Role;

/// `GET /v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Root {
    /// `v1`.
    pub api_version: String,
    /// The minor version of the document that this daemon serves: `1.0`. Whatever an earlier one said still holds.
    #[serde(default)]
    pub document_version: String,
    /// What the caller may do on this connection.
    #[serde(default = "viewer")]
    pub role: Role,
    /// Version of the daemon.
    pub daemon_version: String,
    /// As in [`Host::xen_version`]; none where no hypervisor answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xen_version: Option<String>,
    /// What this daemon can do, by name. Clients test these, never version numbers.
    pub features: Vec<String>,
}

fn viewer() -> Role {
    Role::Viewer
}

/// `GET /v1/host`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Version with extra: `4.17.5` or `4.20.0-debian`.
    pub xen_version: String,
    /// The row of the release table in use: `4.17`; none in stable-only mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Why only the stable interface is used; none in full mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_only: Option<String>,
    /// The number that Xen takes for domctls, as in `0x15`; none where no known number fits.
    pub domctl_version: Option<u32>,
    /// The number that Xen takes for sysctls.
    pub sysctl_version: Option<u32>,
    /// All memory of the host, in KiB.
    pub total_memory_kib: u64,
    /// Memory that no domain holds, in KiB.
    pub free_memory_kib: u64,
    /// Memory that claims hold, in KiB.
    pub claimed_memory_kib: u64,
    /// Physical CPUs that Xen runs on.
    pub cpus: u32,
    /// Threads of each core; 0 where it is not known, as with those below.
    #[serde(default)]
    pub threads_per_core: u32,
    /// Cores of each socket.
    #[serde(default)]
    pub cores_per_socket: u32,
    /// NUMA nodes.
    #[serde(default)]
    pub numa_nodes: u32,
    /// The CPUs' clock in kHz.
    #[serde(default)]
    pub cpu_khz: u32,
    /// What the host offers, by name: `hvm`, `hap`, `iommu`, ...
    pub capabilities: Vec<String>,
    /// What Xen does against leaks by speculation, in the words of its log of the boot, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mitigations: Vec<String>,
    /// Why Xen's mitigations are not known: its log does not go back to the boot any more, or says nothing. None where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mitigations_unknown: Option<String>,
}
