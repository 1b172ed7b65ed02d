//! What dom0's kernel has done before any of our processes starts: its xenstore ring and the port of it.

use xen_abi::{DomId, Port};

use crate::evtchn::{Binding, Listener};
use crate::xen::Xen;

/// Where the ring lies in dom0's memory.
pub(crate) const STORE_RING_GFN: u64 = 0x1000;

impl Xen {
    /// dom0's kernel asks for a port that a store in dom0 will bind, and tells it in /proc/xen/xsd_port.
    pub(crate) fn start_dom0_kernel(&mut self) {
        let _ = self.alloc_unbound(DomId::DOM0, DomId::DOM0, Listener::Kernel);
    }

    /// The kernel's port of the store's ring.
    pub(crate) fn store_port(&self) -> Option<Port> {
        let dom0 = self.domain(DomId::DOM0).ok()?;
        dom0.ports
            .iter()
            .find(|(_, channel)| channel.listener == Listener::Kernel && !matches!(channel.binding, Binding::Virq { .. }))
            .map(|(port, _)| port)
    }
}
