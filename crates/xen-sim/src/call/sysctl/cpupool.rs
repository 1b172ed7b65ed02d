//! `cpupool_op`: what pools there are (`cpupool_do_sysctl`, xen/common/sched/cpupool.c). The pools are those of the machine's configuration.

use xen_abi::Errno;
use xen_abi::hypercall::sysctl::cpupool as abi;

use super::Sysctl;
use crate::call::{Answer, not_simulated};
use crate::domain::{Domain, Life};
use crate::xen::Xen;

pub(super) fn run(xen: &Xen, op: Sysctl<'_>) -> Answer {
    match op.record.get_u32(&abi::OP)? {
        abi::INFO => info(xen, op),
        abi::FREEINFO => {
            let pools = xen.config.pools();
            let free: Vec<u32> = (0..xen.config.cpus).filter(|cpu| !pools.iter().any(|pool| pool.cpus.contains(cpu))).collect();
            give(op, &free)
        }
        other @ 1..=6 => not_simulated("cpupool_op", other),
        _ => Err(Errno::ENOSYS.into()),
    }
}

/// The pool of this number, or the next one.
fn info(xen: &Xen, mut op: Sysctl<'_>) -> Answer {
    let from = op.record.get_u32(&abi::CPUPOOL_ID)?;
    let pool = xen.config.pools().into_iter().find(|pool| pool.id >= from).ok_or(Errno::ENOENT)?;
    // A domain that is dying was moved to pool 0 (domain_kill, xen/common/domain.c).
    let pool_of = |domain: &Domain| if domain.life == Life::Alive { domain.birth.cpupool } else { 0 };
    let domains = xen.domains.values().filter(|domain| pool_of(domain) == pool.id).count();
    op.record.put(&abi::CPUPOOL_ID, pool.id.into())?;
    op.record.put(&abi::SCHED, pool.scheduler.into())?;
    op.record.put(&abi::N_DOM, domains as u64)?;
    give(op, &pool.cpus)
}

/// Writes the bits, as many bytes as there is room for (`bitmap_to_xenctl_bitmap`, xen/common/bitmap.c).
fn give(op: Sysctl<'_>, cpus: &[u32]) -> Answer {
    let room = op.record.get_u32(&abi::NR_CPUS)?.div_ceil(8) as usize;
    if room > 0 {
        let buffer = op.record.pointer(op.image, &abi::CPUMAP)?.ok_or(Errno::EFAULT)?;
        let mut bytes = vec![0_u8; op.image.read(buffer, 0, room)?.len()];
        for cpu in cpus {
            if let Some(byte) = bytes.get_mut(*cpu as usize / 8) {
                *byte |= 1 << (cpu % 8);
            }
        }
        op.image.write(buffer, 0, &bytes)?;
    }
    op.copy_back()
}
