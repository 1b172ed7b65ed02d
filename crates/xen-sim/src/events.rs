//! Event channel operations, and how an event travels.
//!
//! ```text
//!   send(d5, port 3) --> d0 port 12: pending --> its process: masked, queued, descriptor readable
//!   send(d0, port 12) -> d5 port 3: pending --> its kernel: the scripted guest wakes
//! ```

use xen_abi::{DomId, Errno, Port, Release};

use crate::domain::Life;
use crate::evtchn::{Binding, Listener};
use crate::process::ProcessId;
use crate::xen::Xen;

/// `VIRQ_DOM_EXC` (public/xen.h): a domain shut down or died.
pub(crate) const VIRQ_DOM_EXC: u32 = 3;
/// `NR_VIRQS` (public/xen.h).
const VIRQS: u32 = 24;
/// Virtual interrupts that each vcpu has of its own: timer, debug, oprofile, PMU, and the architecture's (xen/common/event_channel.c).
const VCPU_VIRQS: [u32; 4] = [0, 1, 7, 13];
const ARCH_VIRQS: u32 = 16;
/// `VIRQ_ARGO` (public/xen.h), which is each domain's own.
const VIRQ_ARGO: u32 = 11;

impl Xen {
    /// Opens a port of `domid` for `remote` to bind.
    pub(crate) fn alloc_unbound(&mut self, domid: DomId, remote: DomId, listener: Listener) -> Result<Port, Errno> {
        self.living_mut(domid)?.ports.open(Binding::Unbound { remote }, listener)
    }

    /// Binds a new port of `local` to a port that `remote` left unbound for it. The new port is pending at once, since events may have been lost.
    pub(crate) fn bind_interdomain(&mut self, local: DomId, remote: DomId, port: Port, listener: Listener) -> Result<Port, Errno> {
        let waiting = self.domain(remote)?.ports.get(port).map(|channel| channel.binding);
        if waiting != Some(Binding::Unbound { remote: local }) {
            return Err(Errno::EINVAL);
        }
        let ours = self.living_mut(local)?.ports.open(Binding::Interdomain { remote, port }, listener)?;
        if let Some(theirs) = self.domain_mut(remote)?.ports.get_mut(port) {
            theirs.binding = Binding::Interdomain { remote: local, port: ours };
        }
        self.set_pending(local, ours);
        Ok(ours)
    }

    /// Binds a virtual interrupt. `EEXIST` where the domain has it bound already; from 4.21 `EBUSY` where it is another domain's to handle.
    pub(crate) fn bind_virq(&mut self, domid: DomId, virq: u32, vcpu: u32, listener: Listener) -> Result<Port, Errno> {
        let of_vcpu = VCPU_VIRQS.contains(&virq) || virq >= ARCH_VIRQS;
        if virq >= VIRQS || (!of_vcpu && vcpu != 0) {
            return Err(Errno::EINVAL);
        }
        let foreign = !of_vcpu && virq != VIRQ_ARGO && domid != DomId::DOM0 && self.since(Release::V4_21);
        let domain = self.living_mut(domid)?;
        if vcpu as usize >= domain.vcpus.len() {
            return Err(Errno::ENOENT);
        }
        if foreign {
            return Err(Errno::EBUSY);
        }
        if domain.ports.virq(virq).is_some() {
            return Err(Errno::EEXIST);
        }
        let port = domain.ports.open(Binding::Virq { virq }, listener)?;
        if virq == VIRQ_DOM_EXC && domid == DomId::DOM0 {
            // The new handler can ask for every domain that exists (xen/common/domain.c, domain_init_states).
            self.changed = Some(self.domains.keys().copied().collect());
        }
        Ok(port)
    }

    /// Closes a port; the other side waits for us again.
    pub(crate) fn close_port(&mut self, domid: DomId, port: Port) -> Result<(), Errno> {
        let closed = self.domain_mut(domid)?.ports.close(port).ok_or(Errno::EINVAL)?;
        if let Listener::Process(process) = closed.listener
            && let Some(process) = self.processes.get_mut(&process)
        {
            process.forget(port);
        }
        if domid == DomId::DOM0 && closed.binding == (Binding::Virq { virq: VIRQ_DOM_EXC }) {
            self.changed = None;
        }
        if let Binding::Interdomain { remote, port } = closed.binding
            && let Ok(other) = self.domain_mut(remote)
            && let Some(channel) = other.ports.get_mut(port)
        {
            channel.binding = Binding::Unbound { remote: domid };
        }
        Ok(())
    }

    /// Sends on a port. What is sent on an unbound one is lost.
    pub(crate) fn send(&mut self, domid: DomId, port: Port) -> Result<(), Errno> {
        let binding = self.domain(domid)?.ports.get(port).map(|channel| channel.binding);
        match binding {
            Some(Binding::Interdomain { remote, port }) => {
                self.set_pending(remote, port);
                Ok(())
            }
            Some(Binding::Unbound { .. }) => Ok(()),
            Some(Binding::Virq { .. }) | None => Err(Errno::EINVAL),
        }
    }

    /// A domain was created, shut down or died: `VIRQ_DOM_EXC`'s handler can ask which, and hears of the latter two.
    pub(crate) fn state_changed(&mut self, domid: DomId, raise: bool) {
        if let Some(changed) = self.changed.as_mut() {
            changed.insert(domid);
        }
        // A global interrupt goes to the hardware domain.
        let port = self.domain(DomId::DOM0).ok().and_then(|dom0| dom0.ports.virq(VIRQ_DOM_EXC));
        if let (Some(port), true) = (port, raise) {
            self.set_pending(DomId::DOM0, port);
        }
    }

    pub(crate) fn set_pending(&mut self, domid: DomId, port: Port) {
        let Ok(domain) = self.domain_mut(domid) else { return };
        if domain.life != Life::Alive {
            return;
        }
        let Some(channel) = domain.ports.get_mut(port) else { return };
        channel.pending = true;
        match channel.listener {
            Listener::Kernel => {
                self.awake.insert(domid);
            }
            Listener::Process(process) if !channel.masked => {
                channel.pending = false;
                channel.masked = true;
                if let Some(process) = self.processes.get_mut(&process) {
                    process.push(port);
                }
            }
            Listener::Process(_) => {}
        }
    }

    /// Lets a port fire again; an event that came meanwhile fires now.
    pub(crate) fn unmask(&mut self, domid: DomId, port: Port) -> Result<(), Errno> {
        let channel = self.domain_mut(domid)?.ports.get_mut(port).ok_or(Errno::EINVAL)?;
        channel.masked = false;
        if channel.pending {
            self.set_pending(domid, port);
        }
        Ok(())
    }

    /// Closes every port that a process had.
    pub(crate) fn close_ports_of(&mut self, domid: DomId, process: ProcessId) {
        let Ok(domain) = self.domain(domid) else { return };
        let ours: Vec<Port> =
            domain.ports.iter().filter(|(_, channel)| channel.listener == Listener::Process(process)).map(|(port, _)| port).collect();
        for port in ours {
            let _ = self.close_port(domid, port);
        }
    }
}
