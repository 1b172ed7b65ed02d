//! When guests run: after whatever woke them, under the machine's lock, one after the other.
//!
//! ```text
//!   event, unpause, time --> awake { d3, d5 } --> run each until none is awake --> shutdown where a turn ends in one
//! ```

use xen_abi::{DomId, Port};

use super::run::GuestRun;
use crate::xen::Xen;

/// Guests that wake each other for ever are cut off after so many turns.
const TURNS_MAX: usize = 100_000;

impl Xen {
    /// Lets every guest that was woken do what it can, until none is awake.
    pub(crate) fn run_guests(&mut self) {
        for _ in 0..TURNS_MAX {
            let Some(domid) = self.awake.pop_first() else { return };
            self.run_guest(domid);
        }
    }

    fn run_guest(&mut self, domid: DomId) {
        if domid == DomId::DOM0 {
            return self.run_dom0_kernel();
        }
        let Ok(domain) = self.domain_mut(domid) else { return };
        if !domain.is_hvm() || !domain.is_runnable() || domain.vcpus.first().is_none_or(|vcpu| vcpu.down) {
            return;
        }
        let ports: Vec<Port> = domain.ports.iter().map(|(port, _)| port).collect();
        for port in ports {
            if let Some(channel) = domain.ports.get_mut(port) {
                channel.pending = false;
            }
        }
        let mut guest = self.guests.remove(&domid).unwrap_or_else(|| GuestRun::boot(self, domid));
        let end = guest.turn(self, domid);
        self.guests.insert(domid, guest);
        if let Some(reason) = end {
            self.shutdown_domain(domid, reason);
        }
    }

    /// Lets time pass: vcpus that run use it, and guests whose script waits for a moment wake.
    pub(crate) fn pass_time(&mut self, ns: u64) {
        self.now_ns = self.now_ns.saturating_add(ns);
        for domain in self.domains.values_mut().filter(|domain| domain.is_runnable()) {
            for vcpu in domain.vcpus.iter_mut().filter(|vcpu| !vcpu.down && !vcpu.blocked) {
                vcpu.cpu_time_ns = vcpu.cpu_time_ns.saturating_add(ns);
            }
        }
        let waiting = self.guests.iter().filter(|(_, guest)| guest.settings.after_ns > 0).map(|(domid, _)| *domid);
        self.awake.extend(waiting);
    }

    /// Charges vcpu 0 with time.
    pub(super) fn use_cpu(&mut self, domid: DomId, ns: u64) {
        if let Some(vcpu) = self.domain_mut(domid).ok().and_then(|domain| domain.vcpus.first_mut()) {
            vcpu.cpu_time_ns = vcpu.cpu_time_ns.saturating_add(ns);
        }
    }
}
