//! `getdomaininfo`, and the record that `getdomaininfolist` repeats.

use xen_abi::hypercall::domctl::{self as header, getdomaininfo as abi};
use xen_abi::layout::put_bytes;
use xen_abi::record::Member;
use xen_abi::{Errno, Release};

use super::Domctl;
use crate::call::Answer;
use crate::domain::{CDF_HAP, CDF_HVM, CDF_XS_DOMAIN, Domain, Life};
use crate::xen::Xen;

/// What a domain that never shut down shows as its reason: the low half of `SHUTDOWN_CODE_INVALID` (xen/include/xen/sched.h).
const NO_SHUTDOWN_CODE: u32 = 0xffff;
/// Bits of a guest physical address, where the release tells.
const GPADDR_BITS: u64 = 48;

pub(super) fn run(xen: &mut Xen, mut op: Domctl<'_>) -> Answer {
    let found = if xen.since(Release::V4_18) {
        xen.domains.get(&op.domid)
    } else if !op.domid.is_ordinary() {
        return Err(Errno::EINVAL.into());
    } else {
        // Up to 4.17 the next domain answers for one that is not there.
        xen.domains.range(op.domid..).next().map(|(_, domain)| domain)
    };
    let domain = found.ok_or(Errno::ESRCH)?;
    let info = describe(domain, &xen.release)?;
    op.record.put_header(&header::DOMAIN, domain.id.0.into())?;
    op.record.put_bytes(0, &info)?;
    op.copy_back()
}

/// The record of a domain.
pub(crate) fn describe(domain: &Domain, release: &Release) -> Result<Vec<u8>, Errno> {
    let mut info = abi::RECORD.zeroed(release).map_err(|_| Errno::EFAULT)?;
    let highest = domain.vcpus.len().checked_sub(1).map_or(u64::from(u32::MAX), |highest| highest as u64);
    let fields: [(&Member, u64); 13] = [
        (&abi::DOMAIN, domain.id.0.into()),
        (&abi::FLAGS, flags(domain).into()),
        (&abi::TOT_PAGES, domain.tot_pages),
        (&abi::MAX_PAGES, domain.max_pages),
        (&abi::OUTSTANDING_PAGES, domain.claim),
        (&abi::SHARED_INFO_FRAME, u64::MAX),
        (&abi::CPU_TIME, domain.cpu_time_ns()),
        (&abi::NR_ONLINE_VCPUS, domain.vcpus_online().into()),
        (&abi::MAX_VCPU_ID, highest),
        (&abi::SSIDREF, domain.birth.ssidref.into()),
        (&abi::CPUPOOL, domain.birth.cpupool.into()),
        (&abi::GPADDR_BITS, GPADDR_BITS),
        (&abi::EMULATION_FLAGS, domain.birth.emulation_flags.into()),
    ];
    for (member, value) in fields {
        if let Some(field) = member.field(release) {
            field.put(&mut info, value).map_err(|_| Errno::EFAULT)?;
        }
    }
    let handle = abi::HANDLE.field(release).ok_or(Errno::EFAULT)?;
    put_bytes(&mut info, handle.offset, &domain.handle).map_err(|_| Errno::EFAULT)?;
    Ok(info)
}

fn flags(domain: &Domain) -> u32 {
    let when = |condition: bool, bit: u32| if condition { bit } else { 0 };
    let online = domain.vcpus.iter().filter(|vcpu| !vcpu.down);
    let running = online.clone().any(|vcpu| !vcpu.blocked) && domain.is_runnable();
    let blocked = online.clone().all(|vcpu| vcpu.blocked);
    let work = when(running, abi::RUNNING) | when(blocked, abi::BLOCKED);
    when(online.count() > 0, work)
        | when(domain.life == Life::Dead, abi::DYING)
        | when(domain.shutdown.is_some(), abi::SHUTDOWN)
        | when(domain.pause_count > 0, abi::PAUSED)
        | when(domain.birth.flags & CDF_XS_DOMAIN != 0, abi::XS_DOMAIN)
        | when(domain.birth.flags & CDF_HVM != 0, abi::HVM)
        | when(domain.birth.flags & CDF_HAP != 0, abi::HAP)
        | domain.shutdown.map_or(NO_SHUTDOWN_CODE, u32::from) << 16
}
