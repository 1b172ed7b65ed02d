//! Parameters of HVM and PVH domains: who may set which, once or often, and to what (xen/arch/x86/hvm/hvm.c).
//!
//! | parameter | 4.14 | 4.15 to 4.18 | 4.19 and later |
//! | --- | --- | --- | --- |
//! | NESTEDHVM | 0 or 1 | EINVAL | EINVAL |
//! | ALTP2M | 0 to 3, once | 0 to 3, once | EEXIST |
//! | PAE_ENABLED, DM_DOMAIN, BUFIOREQ_EVTCHN, MEMORY_EVENT_* | EINVAL | EINVAL | EINVAL |

use xen_abi::hypercall::hvm as abi;
use xen_abi::{DomId, Errno, Release};

use super::{Answer, Caller, Image, Record, not_simulated};
use crate::domain::{CDF_HAP, Domain, HVM_PARAMS};
use crate::xen::Xen;

// Numbers of public/hvm/params.h that xen-abi has no use for.
const CALLBACK_IRQ: u32 = 0;
const PAE_ENABLED: u32 = 4;
const VIRIDIAN: u32 = 9;
const TIMER_MODE: u32 = 10;
const DM_DOMAIN: u32 = 13;
const ACPI_S_STATE: u32 = 14;
const VM86_TSS: u32 = 15;
const ACPI_IOPORTS_LOCATION: u32 = 19;
const MEMORY_EVENTS: std::ops::RangeInclusive<u32> = 20..=23;
const NESTEDHVM: u32 = 24;
const MEMORY_EVENT_SINGLE_STEP: u32 = 25;
const BUFIOREQ_EVTCHN: u32 = 26;
const MEMORY_EVENT_MSR: u32 = 30;
const IOREQ_SERVER_PFN: u32 = 32;
const NR_IOREQ_SERVER_PAGES: u32 = 33;
const VM_GENERATION_ID_ADDR: u32 = 34;
const ALTP2M: u32 = 35;
const X87_FIP_WIDTH: u32 = 36;
const VM86_TSS_SIZED: u32 = 37;
const MCA_CAP: u32 = 38;
/// The highest timer mode (`HVMPTM_one_missed_tick_pending`).
const TIMER_MODE_MAX: u64 = 3;
/// The highest shutdown reason (`SHUTDOWN_MAX`).
const SHUTDOWN_MAX: u64 = 5;

pub(super) fn run(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let command = image.word(0) as u32;
    match command {
        abi::SET_PARAM | abi::GET_PARAM => {}
        0..=25 => return not_simulated("hvm operation", command),
        _ => return Err(Errno::ENOSYS.into()),
    }
    let size = abi::RECORD.size(&xen.release).map_err(|_| Errno::EFAULT)?;
    let mut record = Record::load(image, &xen.release, image.required(1)?, size, 0)?;
    let index = record.get_u32(&abi::INDEX)?;
    if index as usize >= HVM_PARAMS {
        return Err(Errno::EINVAL.into());
    }
    let domid = Xen::resolve(caller.domid, record.get(&abi::DOMID)?);
    let release = xen.release;
    let own = domid == caller.domid;
    let domain = xen.domain_mut(domid)?;
    if !domain.is_hvm() {
        return Err(Errno::EINVAL.into());
    }
    caller.may_act_on(domid)?;
    if command == abi::SET_PARAM {
        set(domain, &release, own, index, record.get(&abi::VALUE)?)?;
        return Ok(0);
    }
    readable(&release, own, index)?;
    record.put(&abi::VALUE, domain.params.get(index as usize).copied().unwrap_or(0))?;
    record.store(image)?;
    Ok(0)
}

fn deprecated(release: &Release, index: u32) -> bool {
    match index {
        PAE_ENABLED | DM_DOMAIN | MEMORY_EVENT_SINGLE_STEP | BUFIOREQ_EVTCHN | MEMORY_EVENT_MSR => true,
        NESTEDHVM => *release >= Release::V4_15,
        index => MEMORY_EVENTS.contains(&index),
    }
}

/// Parameters that a domain may set of its own.
fn settable_by_guest(index: u32) -> bool {
    const OWN: [u32; 8] = [
        CALLBACK_IRQ,
        VM86_TSS,
        VM86_TSS_SIZED,
        ACPI_IOPORTS_LOCATION,
        VM_GENERATION_ID_ADDR,
        abi::STORE_EVTCHN,
        abi::CONSOLE_EVTCHN,
        X87_FIP_WIDTH,
    ];
    OWN.contains(&index)
}

fn readable(release: &Release, own: bool, index: u32) -> Result<(), Errno> {
    let for_guest = settable_by_guest(index) || [abi::STORE_PFN, abi::CONSOLE_PFN, ALTP2M].contains(&index);
    match () {
        () if deprecated(release, index) => Err(Errno::EINVAL),
        () if own && !for_guest => Err(Errno::EPERM),
        () => Ok(()),
    }
}

fn set(domain: &mut Domain, release: &Release, own: bool, index: u32, value: u64) -> Result<(), Errno> {
    if index == ALTP2M && *release >= Release::V4_19 {
        return Err(Errno::EEXIST);
    }
    if deprecated(release, index) {
        return Err(Errno::EINVAL);
    }
    if own && !settable_by_guest(index) {
        return Err(Errno::EPERM);
    }
    const ONCE: [u32; 7] = [VIRIDIAN, abi::IOREQ_PFN, abi::BUFIOREQ_PFN, IOREQ_SERVER_PFN, NR_IOREQ_SERVER_PAGES, ALTP2M, MCA_CAP];
    let hap = domain.birth.flags & CDF_HAP != 0;
    let slot = domain.params.get_mut(index as usize).ok_or(Errno::EINVAL)?;
    if ONCE.contains(&index) && *slot != 0 && *slot != value {
        return Err(Errno::EEXIST);
    }
    if !acceptable(index, value, hap) {
        return Err(Errno::EINVAL);
    }
    *slot = value;
    Ok(())
}

fn acceptable(index: u32, value: u64, hap: bool) -> bool {
    match index {
        TIMER_MODE => value <= TIMER_MODE_MAX,
        // The base frequency group must be there, and no group past those of 4.14.
        VIRIDIAN => value & 1 != 0 && value < 0x1000,
        ACPI_S_STATE => value == 0 || value == 3,
        NESTEDHVM => value == 0 || (value == 1 && hap),
        ALTP2M => value <= 3,
        abi::TRIPLE_FAULT_REASON => value <= SHUTDOWN_MAX,
        NR_IOREQ_SERVER_PAGES => (1..=64).contains(&value),
        X87_FIP_WIDTH => [0, 4, 8].contains(&value),
        VM86_TSS => u32::try_from(value).is_ok(),
        _ => true,
    }
}

/// A parameter as the domain's own kernel reads it.
pub(crate) fn param(xen: &Xen, domid: DomId, index: u32) -> u64 {
    xen.domain(domid).ok().and_then(|domain| domain.params.get(index as usize)).copied().unwrap_or(0)
}
