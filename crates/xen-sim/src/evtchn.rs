//! The event channels of one domain.
//!
//! ```text
//!             alloc_unbound            bind_interdomain (other side)
//!   (free) ------------------> Unbound ---------------------------> Interdomain
//!     ^  \---- bind_interdomain ------------------------------------^    |
//!     |   \--- bind_virq ----> Virq                                      | the other side closes, or its domain dies
//!     +--------- close ---------+---------------+------------------------+--> Unbound again, same remote domain
//! ```
//!
//! Ports count from 1; the lowest free one is taken (xen/common/event_channel.c).

use std::collections::BTreeMap;

use xen_abi::{DomId, Errno, Port};

use crate::process::ProcessId;

/// What a port is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Waits for this domain to bind.
    Unbound { remote: DomId },
    /// Connected.
    Interdomain { remote: DomId, port: Port },
    /// A virtual interrupt.
    Virq { virq: u32 },
}

/// Who in the domain hears of the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// The domain's kernel; in a domU that is the scripted guest.
    Kernel,
    /// A process that opened the event channel device.
    Process(ProcessId),
}

/// A port in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel {
    pub(crate) binding: Binding,
    pub(crate) listener: Listener,
    pub(crate) pending: bool,
    pub(crate) masked: bool,
}

/// The table of ports.
#[derive(Debug)]
pub(crate) struct Ports {
    highest: u32,
    channels: BTreeMap<Port, Channel>,
}

impl Ports {
    /// A table whose highest port is `highest`.
    pub(crate) fn new(highest: u32) -> Ports {
        Ports { highest, channels: BTreeMap::new() }
    }

    /// Takes the lowest free port. `ENOSPC` when there is none.
    pub(crate) fn open(&mut self, binding: Binding, listener: Listener) -> Result<Port, Errno> {
        let mut free = 1;
        for port in self.channels.keys() {
            if port.0 != free {
                break;
            }
            free += 1;
        }
        if free > self.highest {
            return Err(Errno::ENOSPC);
        }
        self.channels.insert(Port(free), Channel { binding, listener, pending: false, masked: false });
        Ok(Port(free))
    }

    pub(crate) fn get(&self, port: Port) -> Option<&Channel> {
        self.channels.get(&port)
    }

    pub(crate) fn get_mut(&mut self, port: Port) -> Option<&mut Channel> {
        self.channels.get_mut(&port)
    }

    pub(crate) fn close(&mut self, port: Port) -> Option<Channel> {
        self.channels.remove(&port)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Port, &Channel)> {
        self.channels.iter().map(|(port, channel)| (*port, channel))
    }

    /// The port bound to a virtual interrupt.
    pub(crate) fn virq(&self, virq: u32) -> Option<Port> {
        self.iter().find(|(_, channel)| channel.binding == Binding::Virq { virq }).map(|(port, _)| port)
    }
}
