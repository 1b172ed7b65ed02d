//! `/local/domain/N`: a domain's own directory.

use xen_abi::DomId;

use super::{StorePath, nodes};

const HOME: &str = "local/domain";

/// The directory of all domains: its children are the domids known to the store.
#[must_use]
pub fn domains() -> StorePath {
    StorePath::root().below(HOME)
}

/// A domain's own directory and what stands in it.
#[must_use]
pub fn domain(domid: DomId) -> DomainPaths {
    DomainPaths(domains().child(domid.0))
}

/// Length of `/local/domain/N/` in front of a path, 0 where there is none: it does not count against the length limit.
pub(super) fn home_prefix_len(path: &str) -> usize {
    let rest = path.strip_prefix('/').and_then(|rest| rest.strip_prefix(HOME)?.strip_prefix('/'));
    let Some((digits, _)) = rest.and_then(|rest| rest.split_once('/')) else {
        return 0;
    };
    let is_domid = (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_domid { HOME.len() + digits.len() + 3 } else { 0 }
}

nodes! {
    /// Nodes of one domain's directory. Who owns each is in the comment: the guest may write only what is its own.
    DomainPaths {
        /// The domain's name (tools own it).
        name => "name",
        /// The domain's number (tools).
        domid => "domid",
        /// Path of its `/vm` directory (tools).
        vm => "vm",
        /// Directory of virtual CPUs (tools).
        cpu => "cpu",
        /// Directory of memory figures (tools).
        memory => "memory",
        /// Most memory in KiB (tools).
        memory_static_max => "memory/static-max",
        /// The balloon's target in KiB (tools).
        memory_target => "memory/target",
        /// Video memory in KiB, -1 for none (tools).
        memory_videoram => "memory/videoram",
        /// Directory of frontends (tools).
        device => "device",
        /// Directory of the suspend event channel (tools).
        suspend => "device/suspend",
        /// Event channel port by which the guest is asked to suspend (guest).
        suspend_event_channel => "device/suspend/event-channel",
        /// Directory of requests to the guest (tools).
        control => "control",
        /// A shutdown request: poweroff, reboot, suspend, halt, crash; the guest clears it (guest).
        control_shutdown => "control/shutdown",
        /// A system request letter (guest).
        control_sysrq => "control/sysrq",
        /// The guest knows `poweroff` (guest).
        control_feature_poweroff => "control/feature-poweroff",
        /// The guest knows `reboot` (guest).
        control_feature_reboot => "control/feature-reboot",
        /// The guest knows `suspend` (guest).
        control_feature_suspend => "control/feature-suspend",
        /// ACPI S3 (HVM, guest).
        control_feature_s3 => "control/feature-s3",
        /// ACPI S4 (HVM, guest).
        control_feature_s4 => "control/feature-s4",
        /// The platform can suspend several vcpus (tools).
        control_platform_feature_multiprocessor_suspend => "control/platform-feature-multiprocessor-suspend",
        /// The store knows RESET_WATCHES (tools).
        control_platform_feature_xs_reset_watches => "control/platform-feature-xs_reset_watches",
        /// Free space for guests and agents (guest).
        data => "data",
        /// What PV drivers say of themselves (guest).
        drivers => "drivers",
        /// What the guest offers (guest).
        feature => "feature",
        /// Attributes agents report (guest).
        attr => "attr",
        /// Errors drivers report (guest).
        error => "error",
        /// Directory of the store's own ring (tools).
        store => "store",
        /// Event channel port of the store's ring (tools).
        store_port => "store/port",
        /// gfn of the store's ring, in spite of its name (tools).
        store_ring_ref => "store/ring-ref",
        /// Directory of the primary console (tools).
        console => "console",
        /// Path of the pty (tools).
        console_tty => "console/tty",
        /// Event channel port of the console (tools).
        console_port => "console/port",
        /// gfn of the console's ring, in spite of its name (tools).
        console_ring_ref => "console/ring-ref",
        /// `xenconsoled` or `ioemu` (tools).
        console_type => "console/type",
        /// Where output goes: `pty` (tools).
        console_output => "console/output",
        /// Bytes that the daemon buffers (tools).
        console_limit => "console/limit",
        /// Path of the backend (tools).
        console_backend => "console/backend",
        /// Who serves the console (tools).
        console_backend_id => "console/backend-id",
        /// Backends this domain serves (the domain itself).
        backend => "backend",
        /// Device model state kept in the serving domain (tools).
        device_model => "device-model",
        /// Toolstack state of a driver domain (tools).
        libxl => "libxl",
        /// What hvmloader is told (tools).
        hvmloader => "hvmloader",
        /// PV features of the platform (tools).
        platform => "platform",
    }
}

impl DomainPaths {
    /// `cpu/N`, the directory of one vcpu.
    #[must_use]
    pub fn vcpu(&self, vcpu: u32) -> StorePath {
        self.cpu().child(vcpu)
    }

    /// `cpu/N/availability`: `online` or `offline`, watched by the guest.
    #[must_use]
    pub fn vcpu_availability(&self, vcpu: u32) -> StorePath {
        self.vcpu(vcpu).below("availability")
    }

    /// `device-model/N`: state of the device model that this domain runs for domain N.
    #[must_use]
    pub fn device_model_of(&self, domid: DomId) -> StorePath {
        self.device_model().child(domid.0)
    }
}
