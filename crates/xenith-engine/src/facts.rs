//! What a plan is made from: the host as it was at the daemon's start, and what is asked of this one create.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use xen_abi::Release;
use xen_abi::hypercall::cpu_policy::CpuPolicy;
use xen_abi::hypercall::sysctl::cpu_policy::SystemPolicy;
use xen_abi::hypercall::sysctl::physinfo::Capabilities;
use xen_guest::loader::kernel::KernelInfo;
use xen_hv::{Error, Xen};

/// What does not change while the host is up. Read once per start of the daemon, in four hypercalls.
#[derive(Clone, Debug)]
pub struct HostFacts {
    /// The release in use.
    pub release: Release,
    /// What Xen calls itself: `4.17.4-pre`.
    pub version: String,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The highest grant table version that a domain can have.
    pub max_grant_version: u8,
    /// All memory, in KiB.
    pub total_kib: u64,
    /// CPUs that Xen runs on.
    pub cpus: u32,
    /// The CPU policy of a PVH domain unless something else is asked.
    pub cpu_default: Arc<CpuPolicy>,
}

impl HostFacts {
    /// Asks Xen.
    pub fn gather(xen: &Xen) -> Result<HostFacts, Error> {
        let release = xen.release();
        let version = xen.version_info()?;
        let phys = xen.phys_info()?;
        Ok(HostFacts {
            release,
            version: version.text(),
            capabilities: phys.capabilities,
            max_grant_version: phys.max_grant_version(&release),
            total_kib: phys.total_pages * 4,
            cpus: phys.nr_cpus,
            cpu_default: Arc::new(xen.system_cpu_policy(SystemPolicy::HvmDefault)?),
        })
    }
}

/// What one create is planned from, besides its config.
#[derive(Clone, Copy, Debug)]
pub struct CreateFacts<'a> {
    /// The host.
    pub host: &'a HostFacts,
    /// The kernel's headers.
    pub kernel: &'a KernelInfo,
    /// The initrd's length in bytes, where there is one.
    pub initrd_bytes: Option<u64>,
    /// The identity, given or chosen.
    pub uuid: Uuid,
    /// Since 1970.
    pub now: Duration,
    /// Leave it paused.
    pub paused: bool,
    /// How many times in a row it was restarted soon after its creation.
    pub quick_restarts: u32,
}

/// What is known of the size of a domain that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeFacts {
    /// Its identity.
    pub uuid: Uuid,
    /// Its number.
    pub domid: u16,
    /// Its name.
    pub name: String,
    /// `memory/target`, in KiB.
    pub target_kib: Option<u64>,
    /// `memory/static-max`, in KiB.
    pub static_max_kib: Option<u64>,
    /// What of its memory is video memory, in KiB.
    pub videoram_kib: u64,
    /// The bound in Xen, in KiB.
    pub bound_kib: u64,
    /// HVM or PVH, whose memory may be populated on demand.
    pub hvm: bool,
    /// Xen has more of the machine emulated than a PVH domain sees: its vcpus are its device model's business.
    pub emulated: bool,
    /// Which of the vcpus that it was created with are online.
    pub online: Vec<bool>,
}
