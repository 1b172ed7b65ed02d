//! dom0's kernel, as far as the store meets it: it offers a ring before any of our processes starts, and is one more client on it.
//!
//! ```text
//!   boot: ring page at a gfn of dom0, port left unbound for dom0      (/proc/xen/xsd_kva, xsd_port)
//!   Machine::dom0_kernel_asks(type, payload) -> ring -> store -> ring -> Machine::dom0_kernel_heard()
//! ```

use xen_abi::{DomId, Port};

use crate::evtchn::{Binding, Channel, Listener};
use crate::guest::{Ring, Wire};
use crate::xen::Xen;

/// Where the ring lies in dom0's memory.
pub(crate) const STORE_RING_GFN: u64 = 0x1000;

/// What the kernel heard from the store: type, request id, payload (public/io/xs_wire.h).
pub type KernelMessage = (u32, u32, Vec<u8>);

impl Xen {
    /// The kernel makes its ring and asks for a port that a store in dom0 will bind.
    pub(crate) fn start_dom0_kernel(&mut self) {
        let port = self.alloc_unbound(DomId::DOM0, DomId::DOM0, Listener::Kernel).ok();
        let page = self.guest_page(DomId::DOM0, STORE_RING_GFN);
        self.dom0_store = port.zip(page).map(|(port, page)| Wire::new(Ring { page, port }));
    }

    /// The kernel's port of the store's ring.
    pub(crate) fn store_port(&self) -> Option<Port> {
        let dom0 = self.domain(DomId::DOM0).ok()?;
        let ours = |channel: &Channel| channel.listener == Listener::Kernel && !matches!(channel.binding, Binding::Virq { .. });
        dom0.ports.iter().find(|(_, channel)| ours(channel)).map(|(port, _)| port)
    }

    /// Moves what waits on the kernel's side of the ring.
    pub(crate) fn run_dom0_kernel(&mut self) {
        let Some(wire) = self.dom0_store.as_mut() else { return };
        wire.pump();
        if let Some(port) = wire.take_notice() {
            let _ = self.send(DomId::DOM0, port);
        }
    }
}
