//! Birth, shutdown and death of domains.
//!
//! ```text
//!   destroy: ports close, grants are unmapped, memory goes back
//!            ...except pages that others map: the domain stays "dying" with those until the last one is unmapped
//! ```
//!
//! `VIRQ_DOM_EXC` is raised at shutdown, at the end of destroy and when a domain is gone (xen/common/domain.c).

use xen_abi::{DomId, Errno};

use crate::domain::{Birth, CDF_HVM, Domain, Life, Vcpu};
use crate::xen::Xen;

/// Pages that Xen's own structures for a domain take.
const DOMAIN_PAGES: u64 = 24;
/// Pages that Xen's own structures for a vcpu take.
const VCPU_PAGES: u64 = 8;
/// Pages of the paging pool that a domain starts with (xen/arch/x86/mm/hap/hap.c).
const POOL_PAGES: u64 = 256;

/// The reason "crash" (public/sched.h, `SHUTDOWN_crash`).
pub(crate) const SHUTDOWN_CRASH: u8 = 3;

impl Xen {
    /// Makes a domain whose configuration was found good.
    pub(crate) fn create_domain(&mut self, domid: DomId, birth: Birth) -> Result<(), Errno> {
        let hvm = birth.flags & CDF_HVM != 0;
        let mut domain = Domain::new(domid, self.next_unique_id, birth);
        let pool = if hvm { POOL_PAGES } else { 0 };
        self.heap.take_unclaimed(DOMAIN_PAGES + pool)?;
        domain.structure_pages = DOMAIN_PAGES;
        domain.pool.pages = pool;
        domain.cpuid = crate::cpu_policy::hvm_default(self.config.cpu_vendor);
        self.next_unique_id += 1;
        self.domains.insert(domid, domain);
        self.state_changed(domid, false);
        Ok(())
    }

    /// A domid for a new domain: the next free one after the last given out.
    pub(crate) fn next_domid(&mut self) -> Result<DomId, Errno> {
        let highest = DomId::FIRST_RESERVED.0 - 1;
        let after = self.rover + 1..=highest;
        let before = 1..=self.rover;
        let free = after.chain(before).map(DomId).find(|domid| !self.domains.contains_key(domid)).ok_or(Errno::ENOMEM)?;
        self.rover = free.0;
        Ok(free)
    }

    /// Allocates the vcpus of a domain that are not there yet.
    pub(crate) fn create_vcpus(&mut self, domid: DomId, count: u32) -> Result<(), Errno> {
        let had = self.domain(domid)?.vcpus.len();
        for _ in had..count as usize {
            self.heap.take_unclaimed(VCPU_PAGES)?;
            let domain = self.domain_mut(domid)?;
            domain.structure_pages += VCPU_PAGES;
            domain.vcpus.push(Vcpu::fresh(true));
        }
        let release = self.release;
        crate::hvm_context::reset(self.domain_mut(domid)?, &release);
        Ok(())
    }

    /// A domain shuts down, for a reason of public/sched.h. The first reason stays.
    pub(crate) fn shutdown_domain(&mut self, domid: DomId, reason: u8) {
        let Ok(domain) = self.domain_mut(domid) else { return };
        if domain.shutdown.is_some() || domain.life != Life::Alive {
            return;
        }
        domain.shutdown = Some(reason);
        self.state_changed(domid, true);
    }

    /// A domain that shut down starts over with the memory and the registers that it has (domain_soft_reset, xen/common/domain.c).
    pub(crate) fn soft_reset(&mut self, domid: DomId) -> Result<(), Errno> {
        let domain = self.domain(domid)?;
        // evtchn_reset wants a toolstack's pause, arch_domain_soft_reset a container of hardware.
        if domain.shutdown.is_none() || domain.pause_count == 0 || !domain.is_hvm() {
            return Err(Errno::EINVAL);
        }
        let ports: Vec<_> = domain.ports.iter().map(|(port, _)| port).collect();
        for port in ports {
            self.close_port(domid, port)?;
        }
        let domain = self.domain_mut(domid)?;
        domain.shutdown = None;
        domain.was_reset = true;
        self.guests.remove(&domid);
        Ok(())
    }

    /// Destroys a domain. It is gone at once, or as soon as nobody maps its pages.
    pub(crate) fn kill_domain(&mut self, domid: DomId) -> Result<(), Errno> {
        if self.domain(domid)?.life == Life::Dead {
            return Ok(());
        }
        let ports: Vec<_> = self.domain(domid)?.ports.iter().map(|(port, _)| port).collect();
        for port in ports {
            let _ = self.close_port(domid, port);
        }
        self.claim_pages(domid, 0)?;
        self.unmap_all_of_processes_in(domid);
        let held = self.pages_mapped_of(domid);
        let domain = self.domain_mut(domid)?;
        domain.life = Life::Dead;
        let freed = domain.tot_pages.saturating_sub(held);
        let pool = std::mem::take(&mut domain.pool.pages);
        let (giants, larges) = std::mem::take(&mut domain.extents);
        domain.tot_pages -= freed;
        domain.pod_cache = 0;
        domain.p2m.clear();
        self.heap.give(freed + pool);
        self.heap.give_extents(giants, larges);
        self.guests.remove(&domid);
        self.awake.remove(&domid);
        self.state_changed(domid, true);
        self.bury(domid);
        Ok(())
    }

    /// Lets go of a dead domain once nobody maps anything of it.
    pub(crate) fn bury(&mut self, domid: DomId) {
        let held = self.pages_mapped_of(domid);
        let mapped = self.has_mappings_of(domid);
        let Ok(domain) = self.domain_mut(domid) else { return };
        if domain.life == Life::Alive {
            return;
        }
        let freed = domain.tot_pages.saturating_sub(held);
        domain.tot_pages -= freed;
        let structures = domain.structure_pages;
        self.heap.give(freed);
        if mapped {
            return;
        }
        let kept = std::mem::take(&mut self.config.first_death_pages).min(structures);
        self.heap.give(structures - kept);
        self.domains.remove(&domid);
        self.state_changed(domid, true);
    }
}
