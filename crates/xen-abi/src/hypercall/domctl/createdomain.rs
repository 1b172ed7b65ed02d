//! `XEN_DOMCTL_createdomain`: the body that changes most between releases.
//!
//! ```text
//!                       4.14   4.15   4.16   4.17   4.19   4.21
//!   grant_opts            -      -     44     44     44     44
//!   altp2m                -      -      -      -     48     48 (two u16)     left zero: off
//!   vmtrace_size          -     44     48     48     52     52               left zero: off
//!   cpupool_id            -      -      -     52     56     56
//!   arch                 44     48     52     56     60     60
//! ```
//!
//! EINVAL's reason goes to Xen's own console, and only on debug builds, so the encoder refuses what it can see is wrong.

use super::{CREATEDOMAIN, Request, domain};
use crate::call::{Call, Operation, OperationError};
use crate::names::DomId;
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_domctl_createdomain",
    size [V4_14: 48, V4_15: 56, V4_16: 60, V4_17: 64, V4_19: 68] {
        /// The security label, for FLASK.
        SSIDREF: u32 = "ssidref" @ 0;
        /// The uuid.
        HANDLE: [16] = "handle" @ 4;
        /// [`CreateFlags`].
        FLAGS: u32 = "flags" @ 20;
        /// IOMMU options; zero.
        IOMMU_OPTS: u32 = "iommu_opts" @ 24;
        /// How many vcpus the domain may have.
        MAX_VCPUS: u32 = "max_vcpus" @ 28;
        /// The highest event channel port.
        MAX_EVTCHN_PORT: u32 = "max_evtchn_port" @ 32;
        /// The grant table's bound in frames; negative: the hypervisor's default.
        MAX_GRANT_FRAMES: u32 = "max_grant_frames" @ 36;
        /// The maptrack table's bound in frames; negative: the hypervisor's default.
        MAX_MAPTRACK_FRAMES: u32 = "max_maptrack_frames" @ 40;
        /// The highest grant table version, in the low 4 bits. Zero is refused.
        GRANT_OPTS: u32 = "grant_opts" @ [V4_16: 44];
        /// Bytes of trace buffer per vcpu; zero: none.
        VMTRACE_SIZE: u32 = "vmtrace_size" @ [V4_15: 44, V4_16: 48, V4_19: 52];
        /// The cpupool to be born in.
        CPUPOOL_ID: u32 = "cpupool_id" @ [V4_17: 52, V4_19: 56];
        /// What x86 emulates for the domain.
        EMULATION_FLAGS: u32 = "arch.emulation_flags" @ [V4_14: 44, V4_15: 48, V4_16: 52, V4_17: 56, V4_19: 60];
        /// More x86 switches.
        MISC_FLAGS: u32 = "arch.misc_flags" @ [V4_15: 52, V4_16: 56, V4_17: 60, V4_19: 64];
    }
}

constants! {
    /// Bits of [`FLAGS`] and of the x86 words.
    FLAG_BITS: u32 {
        /// An HVM container: HVM or PVH.
        CDF_HVM = XEN_DOMCTL_CDF_hvm, 1;
        /// Hardware-assisted paging.
        CDF_HAP = XEN_DOMCTL_CDF_hap, 2;
        /// Memory checked by tboot across S3.
        CDF_S3_INTEGRITY = XEN_DOMCTL_CDF_s3_integrity, 4;
        /// No out-of-sync shadow page tables.
        CDF_OOS_OFF = XEN_DOMCTL_CDF_oos_off, 8;
        /// A xenstore domain.
        CDF_XS_DOMAIN = XEN_DOMCTL_CDF_xs_domain, 0x10;
        /// May use the IOMMU. EINVAL on a host without one.
        CDF_IOMMU = XEN_DOMCTL_CDF_iommu, 0x20;
        /// Nested virtualisation.
        CDF_NESTED_VIRT = XEN_DOMCTL_CDF_nested_virt, 0x40 since V4_15;
        /// A virtual performance counter unit.
        CDF_VPMU = XEN_DOMCTL_CDF_vpmu, 0x80 since V4_16;
        /// An emulated local APIC: all that PVH has, and exactly what it must have.
        X86_EMU_LAPIC = XEN_X86_EMU_LAPIC, 1;
        /// MSR accesses that Xen does not know are dropped and not faulted.
        X86_MSR_RELAXED = XEN_X86_MSR_RELAXED, 1 since V4_15;
    }
}

/// What kind of domain, as `XEN_DOMCTL_CDF_*` bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CreateFlags(pub u32);

impl CreateFlags {
    /// The bits that a release knows; any other is EINVAL there.
    #[must_use]
    pub fn known(release: &Release) -> CreateFlags {
        let bits = FLAG_BITS.iter().filter(|bit| bit.name.starts_with("XEN_DOMCTL_CDF") && bit.since <= *release);
        CreateFlags(bits.fold(0, |all, bit| all | bit.value as u32))
    }
}

/// The number of grant table versions that `max_grant_version` may name (public/domctl.h, `XEN_DOMCTL_GRANT_version_mask`).
const GRANT_VERSION_MAX: u8 = 0xf;

/// Creates an empty, paused domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDomain {
    /// The number wanted, or [`DomId::ANY`] to let Xen pick, which works on every release.
    pub domid: DomId,
    /// The uuid, in the byte order of its text.
    pub handle: [u8; 16],
    /// The security label: [`Release::initial_domu_sid`] where nothing else is asked.
    pub ssidref: u32,
    /// What kind of domain.
    pub flags: CreateFlags,
    /// How many vcpus it may have; `max_vcpus` must be called with the same number.
    pub max_vcpus: u32,
    /// The highest event channel port.
    pub max_evtchn_port: u32,
    /// The grant table's bound in frames, or the hypervisor's default.
    pub max_grant_frames: Option<u32>,
    /// The maptrack table's bound in frames, or the hypervisor's default.
    pub max_maptrack_frames: Option<u32>,
    /// The highest grant table version, 1 to 15: `PhysInfo::max_grant_version`. Releases up to 4.15 take no such word.
    pub max_grant_version: u8,
    /// The cpupool to be born in. Up to 4.16 only pool 0 is possible here.
    pub cpupool: u32,
    /// What x86 emulates: [`X86_EMU_LAPIC`] for PVH.
    pub emulation_flags: u32,
    /// Whether unknown MSR accesses are dropped and not faulted. Not before 4.15.
    pub relaxed_msr: bool,
}

/// Either the bound as a positive number, or -1 for the default.
fn bound(what: &'static str, frames: Option<u32>) -> Result<u64, OperationError> {
    match frames {
        None => Ok(u64::from(u32::MAX)),
        Some(frames) if i32::try_from(frames).is_ok() => Ok(frames.into()),
        Some(frames) => Err(OperationError::OutOfRange { what, value: frames.into(), bound: "0 to 2147483647" }),
    }
}

impl CreateDomain {
    fn check(&self, release: &Release) -> Result<(), OperationError> {
        let lacks = |what| Err(OperationError::Unsupported { release: *release, what });
        if self.flags.0 & !CreateFlags::known(release).0 != 0 {
            return lacks("one of the createdomain flags asked for");
        }
        if self.cpupool != 0 && CPUPOOL_ID.field(release).is_none() {
            return lacks("choice of a cpupool in createdomain");
        }
        if self.relaxed_msr && MISC_FLAGS.field(release).is_none() {
            return lacks("relaxed MSR handling");
        }
        if self.max_grant_version == 0 || self.max_grant_version > GRANT_VERSION_MAX {
            let value = self.max_grant_version.into();
            return Err(OperationError::OutOfRange { what: "max_grant_version", value, bound: "1 to 15" });
        }
        Ok(())
    }

    fn put_arch(&self, release: &Release, body: &mut [u8]) -> Result<(), OperationError> {
        EMULATION_FLAGS.put(release, body, self.emulation_flags.into())?;
        if self.relaxed_msr {
            MISC_FLAGS.put(release, body, X86_MSR_RELAXED.into())?;
        }
        Ok(())
    }

    fn put_limits(&self, release: &Release, body: &mut [u8]) -> Result<(), OperationError> {
        MAX_VCPUS.put(release, body, self.max_vcpus.into())?;
        MAX_EVTCHN_PORT.put(release, body, self.max_evtchn_port.into())?;
        MAX_GRANT_FRAMES.put(release, body, bound("max_grant_frames", self.max_grant_frames)?)?;
        MAX_MAPTRACK_FRAMES.put(release, body, bound("max_maptrack_frames", self.max_maptrack_frames)?)?;
        if GRANT_OPTS.field(release).is_some() {
            GRANT_OPTS.put(release, body, self.max_grant_version.into())?;
        }
        if CPUPOOL_ID.field(release).is_some() {
            CPUPOOL_ID.put(release, body, self.cpupool.into())?;
        }
        Ok(())
    }
}

impl Operation for CreateDomain {
    type Reply = DomId;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        self.check(release)?;
        let mut request = Request::new(release, CREATEDOMAIN, self.domid)?;
        let body = request.body()?;
        SSIDREF.put(release, body, self.ssidref.into())?;
        HANDLE.put_bytes(release, body, &self.handle)?;
        FLAGS.put(release, body, self.flags.0.into())?;
        self.put_limits(release, body)?;
        self.put_arch(release, body)?;
        Ok(request.call())
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<DomId, OperationError> {
        domain(release, call)
    }
}
