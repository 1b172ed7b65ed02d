//! `createdomain`: what each release accepts (xen/common/domain.c, xen/arch/x86/domain.c, xen/common/grant_table.c).
//!
//! | refused with | what |
//! | --- | --- |
//! | EEXIST | the domid is taken; from 4.22 also 0 and every reserved number but `DOMID_ANY` |
//! | EINVAL | unknown flag, no vcpu or more than 128, HAP without HVM or without hardware, IOMMU without one, grant version 0 or too high |
//! | EOPNOTSUPP | emulation flags that fit no kind of guest, HVM without HAP where Xen lacks shadow paging |
//! | ESRCH | no such cpupool |

use xen_abi::hypercall::domctl::{self as header, createdomain as abi};
use xen_abi::layout::Field;
use xen_abi::{DomId, Errno, Release};

use super::Domctl;
use crate::call::Answer;
use crate::domain::Birth;
use crate::xen::Xen;

/// `HVM_MAX_VCPUS` (public/hvm/hvm_info_table.h, 4.14 to 4.22).
const HVM_MAX_VCPUS: u32 = 128;
/// `MAX_VIRT_CPUS` for PV (xen/arch/x86/include/asm/config.h).
const PV_MAX_VCPUS: u32 = 8192;
/// `opt_max_grant_frames` (xen/common/grant_table.c).
const GRANT_FRAMES: i32 = 64;
/// `opt_max_maptrack_frames` (xen/common/grant_table.c).
const MAPTRACK_FRAMES: i32 = 1024;
/// `XEN_DOMCTL_CDF_trap_unmapped_accesses` (public/domctl.h, 4.21), which x86 refuses.
const CDF_TRAP_UNMAPPED: u32 = 0x100;
/// `XEN_X86_EMU_ALL` without VPCI and without USE_PIRQ (public/arch-x86/xen.h): what HVM must have from 4.19.
const EMU_HVM: u32 = 0x1ff;
/// `XEN_X86_EMU_USE_PIRQ` (public/arch-x86/xen.h).
const EMU_USE_PIRQ: u32 = 0x200;
/// `XEN_X86_EMU_PIT` (public/arch-x86/xen.h).
const EMU_PIT: u32 = 0x100;

/// A refusal, with the reason that debug builds print on the console.
type Refused = (Errno, String);

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refused> {
    Err((Errno::EINVAL, reason.into()))
}

pub(super) fn run(xen: &mut Xen, mut op: Domctl<'_>) -> Answer {
    let domid = pick_domid(xen, op.domid)?;
    if let Err((errno, reason)) = create(xen, &op, domid) {
        xen.log(&format!("createdomain refused with {errno}: {reason}"));
        return Err(errno.into());
    }
    op.record.put_header(&header::DOMAIN, domid.0.into())?;
    op.copy_back()
}

fn pick_domid(xen: &mut Xen, asked: DomId) -> Result<DomId, Errno> {
    let wildcard = if xen.since(Release::V4_22) { asked == DomId::ANY } else { asked.0 == 0 || !asked.is_ordinary() };
    if wildcard {
        return xen.next_domid();
    }
    if asked.is_ordinary() && !xen.domains.contains_key(&asked) { Ok(asked) } else { Err(Errno::EEXIST) }
}

fn create(xen: &mut Xen, op: &Domctl<'_>, domid: DomId) -> Result<(), Refused> {
    let birth = read(op).map_err(|errno| (errno, "the structure is cut short".to_owned()))?;
    check_flags(xen, op, &birth)?;
    check_arch(xen, op, &birth)?;
    if !emulation_ok(xen, &birth) {
        return Err((Errno::EOPNOTSUPP, format!("emulation flags {:#x} fit no kind of guest", birth.emulation_flags)));
    }
    let birth = check_grants(xen, op, birth)?;
    if !xen.config.pools().iter().any(|pool| pool.id == birth.cpupool) {
        return Err((Errno::ESRCH, format!("there is no cpupool {}", birth.cpupool)));
    }
    xen.create_domain(domid, birth).map_err(|errno| (errno, "out of memory".to_owned()))
}

fn read(op: &Domctl<'_>) -> Result<Birth, Errno> {
    let record = &op.record;
    Ok(Birth {
        ssidref: record.get_u32(&abi::SSIDREF)?,
        handle: record.get_bytes(&abi::HANDLE)?,
        flags: record.get_u32(&abi::FLAGS)?,
        max_vcpus: record.get_u32(&abi::MAX_VCPUS)?,
        max_evtchn_port: record.get_u32(&abi::MAX_EVTCHN_PORT)?,
        max_grant_frames: record.get_u32(&abi::MAX_GRANT_FRAMES)?,
        cpupool: record.get_u32(&abi::CPUPOOL_ID)?,
        emulation_flags: record.get_u32(&abi::EMULATION_FLAGS)?,
    })
}

fn check_flags(xen: &Xen, op: &Domctl<'_>, birth: &Birth) -> Result<(), Refused> {
    let mut known = abi::CreateFlags::known(&xen.release).0;
    if xen.since(Release::V4_21) {
        known |= CDF_TRAP_UNMAPPED;
    }
    let has = |bit| birth.flags & bit != 0;
    let iommu_opts = op.record.get_u32(&abi::IOMMU_OPTS).unwrap_or(0);
    match () {
        () if birth.flags & !known != 0 => refuse(format!("unknown flags {:#x}", birth.flags & !known)),
        () if birth.max_vcpus < 1 => refuse("no vcpus"),
        () if has(abi::CDF_HAP) && !has(abi::CDF_HVM) => refuse("HAP for a PV domain"),
        () if has(abi::CDF_IOMMU) && !xen.config.iommu => refuse("IOMMU asked for, and there is none"),
        () if !has(abi::CDF_IOMMU) && iommu_opts != 0 => refuse("IOMMU options without the IOMMU flag"),
        () if has(abi::CDF_IOMMU) && xen.since(Release::V4_15) && iommu_opts & !1 != 0 => refuse("unknown IOMMU options"),
        () if has(abi::CDF_VPMU) => refuse("vpmu asked for, and Xen was not started with it"),
        () if op.record.get_u32(&abi::VMTRACE_SIZE).unwrap_or(0) != 0 => refuse("vmtrace asked for, and the host cannot"),
        () => Ok(()),
    }
}

fn check_arch(xen: &Xen, op: &Domctl<'_>, birth: &Birth) -> Result<(), Refused> {
    let has = |bit| birth.flags & bit != 0;
    let most = if has(abi::CDF_HVM) { HVM_MAX_VCPUS } else { PV_MAX_VCPUS };
    match () {
        () if birth.max_vcpus > most => refuse(format!("{} vcpus are more than {most}", birth.max_vcpus)),
        () if has(abi::CDF_HAP) && !xen.config.hap => refuse("HAP asked for, and the host has none"),
        () if has(abi::CDF_NESTED_VIRT) && !has(abi::CDF_HAP) => refuse("nested virtualisation without HAP"),
        () if has(CDF_TRAP_UNMAPPED) => refuse("trap_unmapped_accesses is not for x86"),
        () if op.record.get_u32(&abi::MISC_FLAGS).unwrap_or(0) & !abi::X86_MSR_RELAXED != 0 => refuse("unknown arch.misc_flags"),
        () if !altp2m_ok(xen, op, birth) => refuse("bad altp2m options"),
        () if has(abi::CDF_HVM) && !has(abi::CDF_HAP) && !xen.config.shadow => {
            let errno = if xen.since(Release::V4_22) { Errno::EINVAL } else { Errno::EOPNOTSUPP };
            Err((errno, "neither HAP nor shadow paging".to_owned()))
        }
        () => Ok(()),
    }
}

/// The altp2m word, which has no name in `xen-abi` since we leave it zero: one u32 in 4.19 and 4.20, two u16 (options, count) from 4.21, where a host
/// without altp2m refuses both.
const ALTP2M: Field = Field::u32(48);

fn altp2m_ok(xen: &Xen, op: &Domctl<'_>, birth: &Birth) -> bool {
    let word = op.record.field(ALTP2M).unwrap_or(0);
    let hap = birth.flags & abi::CDF_HAP != 0;
    word == 0 || !xen.since(Release::V4_19) || (!xen.since(Release::V4_21) && word <= 3 && hap)
}

/// Whether some kind of guest has these emulation flags (`emulation_flags_ok`).
fn emulation_ok(xen: &Xen, birth: &Birth) -> bool {
    let flags = birth.emulation_flags;
    if birth.flags & abi::CDF_HVM == 0 {
        return flags == 0 || flags == EMU_PIT;
    }
    let hvm = if xen.since(Release::V4_19) { flags & !EMU_USE_PIRQ == EMU_HVM } else { flags == EMU_HVM | EMU_USE_PIRQ };
    flags == abi::X86_EMU_LAPIC || hvm
}

fn check_grants(xen: &Xen, op: &Domctl<'_>, mut birth: Birth) -> Result<Birth, Refused> {
    if xen.since(Release::V4_16) {
        let options = op.record.get_u32(&abi::GRANT_OPTS).unwrap_or(0);
        match () {
            () if options & !0xf != 0 => return refuse(format!("unknown grant options {options:#x}")),
            () if options == 0 => return refuse("grant table version 0 asked for"),
            () if options > xen.config.grant_version_max => return refuse(format!("grant table version {options} is too high")),
            () => {}
        }
    }
    let limit = |said: u32, most: i32| if (said as i32) < 0 { most } else { said as i32 };
    let frames = limit(birth.max_grant_frames, GRANT_FRAMES);
    let maptrack = limit(op.record.get_u32(&abi::MAX_MAPTRACK_FRAMES).unwrap_or(0), MAPTRACK_FRAMES);
    if !(1..=GRANT_FRAMES).contains(&frames) || maptrack > MAPTRACK_FRAMES {
        return refuse(format!("bad grant table sizes: {frames} frames, {maptrack} maptrack frames"));
    }
    birth.max_grant_frames = frames as u32;
    Ok(birth)
}
