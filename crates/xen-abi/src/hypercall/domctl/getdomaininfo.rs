//! `XEN_DOMCTL_getdomaininfo`, and the record that `getdomaininfolist` of sysctl returns in an array.
//!
//! Up to 4.17 a number without a domain answers with the *next* domain and success (xen/common/domctl.c), so the reply always compares. The
//! array's stride is the record's size: 104 bytes up to 4.15, 112 from 4.16, and a wrong one gives plausible garbage.

use super::{GETDOMAININFO, Request, body};
use crate::call::{Call, Operation, OperationError};
use crate::hypercall::sched::ShutdownReason;
use crate::names::DomId;
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// The record.
    RECORD = "struct xen_domctl_getdomaininfo", size [V4_14: 104, V4_16: 112] {
        /// Whom the record is about.
        DOMAIN: u16 = "domain" @ 0;
        /// State bits and the shutdown code.
        FLAGS: u32 = "flags" @ 4;
        /// Pages it has.
        TOT_PAGES: u64 = "tot_pages" @ 8;
        /// Pages it may have.
        MAX_PAGES: u64 = "max_pages" @ 16;
        /// Pages claimed and not yet allocated.
        OUTSTANDING_PAGES: u64 = "outstanding_pages" @ 24;
        /// Pages shared with others.
        SHR_PAGES: u64 = "shr_pages" @ 32;
        /// Pages paged out.
        PAGED_PAGES: u64 = "paged_pages" @ 40;
        /// The frame of the shared info page.
        SHARED_INFO_FRAME: u64 = "shared_info_frame" @ 48;
        /// Time that its vcpus ran, in nanoseconds.
        CPU_TIME: u64 = "cpu_time" @ 56;
        /// Vcpus online.
        NR_ONLINE_VCPUS: u32 = "nr_online_vcpus" @ 64;
        /// The highest vcpu index, or all ones.
        MAX_VCPU_ID: u32 = "max_vcpu_id" @ 68;
        /// The security label.
        SSIDREF: u32 = "ssidref" @ 72;
        /// The uuid.
        HANDLE: [16] = "handle" @ 76;
        /// The cpupool.
        CPUPOOL: u32 = "cpupool" @ 92;
        /// Bits of a guest physical address.
        GPADDR_BITS: u8 = "gpaddr_bits" @ [V4_16: 96];
        /// What x86 emulates for it.
        EMULATION_FLAGS: u32 = "arch_config.emulation_flags" @ [V4_14: 96, V4_16: 104];
    }
}

constants! {
    /// Bits of [`FLAGS`], and other values of the record.
    FLAG_BITS: u32 {
        /// Being torn down.
        DYING = XEN_DOMINF_dying, 1;
        /// An HVM container.
        HVM = XEN_DOMINF_hvm_guest, 2;
        /// Shut down; the reason stands in the upper half.
        SHUTDOWN = XEN_DOMINF_shutdown, 4;
        /// Paused by a toolstack.
        PAUSED = XEN_DOMINF_paused, 8;
        /// Waiting for an event.
        BLOCKED = XEN_DOMINF_blocked, 0x10;
        /// On a CPU.
        RUNNING = XEN_DOMINF_running, 0x20;
        /// Under a debugger.
        DEBUGGED = XEN_DOMINF_debugged, 0x40;
        /// A xenstore domain.
        XS_DOMAIN = XEN_DOMINF_xs_domain, 0x80;
        /// With hardware-assisted paging.
        HAP = XEN_DOMINF_hap, 0x100;
        /// The width of the shutdown reason.
        SHUTDOWN_MASK = XEN_DOMINF_shutdownmask, 255;
        /// Where the shutdown reason begins.
        SHUTDOWN_SHIFT = XEN_DOMINF_shutdownshift, 16;
        /// No vcpu yet.
        INVALID_MAX_VCPU_ID = XEN_INVALID_MAX_VCPU_ID, 0xffff_ffff;
    }
}

/// What Xen knows of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainInfo {
    /// Its number.
    pub domid: DomId,
    /// Being torn down: its memory is on the way back.
    pub dying: bool,
    /// An HVM container: HVM or PVH.
    pub hvm: bool,
    /// Shut down, and why. Such a domain keeps its memory until it is destroyed.
    pub shutdown: Option<ShutdownReason>,
    /// Paused by a toolstack.
    pub paused: bool,
    /// All its vcpus wait for events.
    pub blocked: bool,
    /// One of its vcpus runs now.
    pub running: bool,
    /// Under a debugger.
    pub debugged: bool,
    /// A xenstore domain.
    pub xenstore: bool,
    /// With hardware-assisted paging.
    pub hap: bool,
    /// Pages of memory that it has.
    pub tot_pages: u64,
    /// Pages of memory that it may have.
    pub max_pages: u64,
    /// Pages claimed and not yet allocated.
    pub outstanding_pages: u64,
    /// Pages shared with others.
    pub shared_pages: u64,
    /// Pages paged out.
    pub paged_pages: u64,
    /// The frame of its shared info page.
    pub shared_info_frame: u64,
    /// How long its vcpus ran, in nanoseconds.
    pub cpu_time_ns: u64,
    /// Vcpus online.
    pub nr_online_vcpus: u32,
    /// The highest vcpu index, or none before `max_vcpus` was called.
    pub max_vcpu_id: Option<u32>,
    /// The security label.
    pub ssidref: u32,
    /// The uuid.
    pub handle: [u8; 16],
    /// The cpupool.
    pub cpupool: u32,
    /// Bits of a guest physical address, from 4.16.
    pub gpaddr_bits: Option<u8>,
    /// What x86 emulates for it.
    pub emulation_flags: u32,
}

fn with_flags(flags: u32) -> DomainInfo {
    let reason = (flags >> SHUTDOWN_SHIFT) & SHUTDOWN_MASK;
    DomainInfo {
        dying: flags & DYING != 0,
        hvm: flags & HVM != 0,
        shutdown: (flags & SHUTDOWN != 0).then(|| ShutdownReason::from_code(reason)),
        paused: flags & PAUSED != 0,
        blocked: flags & BLOCKED != 0,
        running: flags & RUNNING != 0,
        debugged: flags & DEBUGGED != 0,
        xenstore: flags & XS_DOMAIN != 0,
        hap: flags & HAP != 0,
        ..DomainInfo::default()
    }
}

impl DomainInfo {
    /// Reads one record.
    pub fn read(release: &Release, record: &[u8]) -> Result<DomainInfo, OperationError> {
        let wide = |member: &crate::record::Member| member.get(release, record);
        let word = |member: &crate::record::Member| member.get_u32(release, record);
        let gpaddr_bits = GPADDR_BITS.field(release).map(|field| field.get(record)).transpose()?;
        let max_vcpu_id = word(&MAX_VCPU_ID)?;
        Ok(DomainInfo {
            domid: DomId(wide(&DOMAIN)? as u16),
            tot_pages: wide(&TOT_PAGES)?,
            max_pages: wide(&MAX_PAGES)?,
            outstanding_pages: wide(&OUTSTANDING_PAGES)?,
            shared_pages: wide(&SHR_PAGES)?,
            paged_pages: wide(&PAGED_PAGES)?,
            shared_info_frame: wide(&SHARED_INFO_FRAME)?,
            cpu_time_ns: wide(&CPU_TIME)?,
            nr_online_vcpus: word(&NR_ONLINE_VCPUS)?,
            max_vcpu_id: (max_vcpu_id != INVALID_MAX_VCPU_ID).then_some(max_vcpu_id),
            ssidref: word(&SSIDREF)?,
            handle: HANDLE.get_bytes(release, record)?,
            cpupool: word(&CPUPOOL)?,
            gpaddr_bits: gpaddr_bits.map(|bits| bits as u8),
            emulation_flags: word(&EMULATION_FLAGS)?,
            ..with_flags(word(&FLAGS)?)
        })
    }
}

/// Asks for one domain; none where Xen answers with another (up to 4.17; from 4.18 it says ESRCH).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetDomainInfo {
    /// The domain.
    pub domid: DomId,
}

impl Operation for GetDomainInfo {
    type Reply = Option<DomainInfo>;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        Ok(Request::new(release, GETDOMAININFO, self.domid)?.call())
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<Option<DomainInfo>, OperationError> {
        let info = DomainInfo::read(release, body(call)?)?;
        Ok((info.domid == self.domid).then_some(info))
    }
}
