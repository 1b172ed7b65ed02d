//! `/dev/xen/evtchn` as [`EventChannels`].
//!
//! ```text
//!   bind -> port of ours --event--> descriptor readable -> next_pending: port, now masked -> ... -> unmask
//! ```
//!
//! One descriptor carries any number of ports. Closing it closes them all, and the other side finds its own end unbound again.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::{Errno as Os, read, write};
use xen_abi::{DomId, Port};
use xen_hv::{EventChannels, SeamError};

use crate::ioctl::{BindInterdomain, BindVirq, Notify, Plain, Unbind, plain};
use crate::{io_error, open_node, refused};

/// The node's path.
pub const EVTCHN: &str = "/dev/xen/evtchn";

/// Event channels of the domain we run in.
pub struct Evtchn {
    node: OwnedFd,
}

impl Evtchn {
    /// Opens `/dev/xen/evtchn`, which never blocks and closes on exec. Fails with [`SeamError::Node`] where the module `xen-evtchn` is not
    /// loaded or we are not root.
    pub fn open() -> Result<Evtchn, SeamError> {
        Evtchn::open_at(Path::new(EVTCHN))
    }

    /// The same with the node at another path.
    pub fn open_at(node: &Path) -> Result<Evtchn, SeamError> {
        Ok(Evtchn { node: open_node(node, OFlags::NONBLOCK)? })
    }

    /// Goes on with a descriptor that the program before this one in the same process opened: its ports stay bound.
    pub fn adopt(node: OwnedFd) -> Result<Evtchn, SeamError> {
        rustix::io::ioctl_fionbio(&node, true).map_err(|error| io_error("evtchn set_nonblocking", error))?;
        Ok(Evtchn { node })
    }

    fn call<T: Plain>(&self, what: &'static str, mut argument: T) -> Result<u32, SeamError> {
        let value = plain(self.node.as_fd(), &mut argument).map_err(|error| refused(what, error))?;
        Ok(value.unsigned_abs())
    }
}

impl EventChannels for Evtchn {
    fn bind_interdomain(&self, domid: DomId, remote: Port) -> Result<Port, SeamError> {
        let argument = BindInterdomain { remote_domain: u32::from(domid.0), remote_port: remote.0 };
        self.call("evtchn bind_interdomain", argument).map(Port)
    }

    fn bind_virq(&self, virq: u32) -> Result<Port, SeamError> {
        self.call("evtchn bind_virq", BindVirq { virq }).map(Port)
    }

    fn unbind(&self, port: Port) -> Result<(), SeamError> {
        self.call("evtchn unbind", Unbind { port: port.0 }).map(drop)
    }

    fn notify(&self, port: Port) -> Result<(), SeamError> {
        self.call("evtchn notify", Notify { port: port.0 }).map(drop)
    }

    /// One `read` takes one port, so that the descriptor stays readable while more are pending.
    fn next_pending(&self) -> Result<Option<Port>, SeamError> {
        let mut word = [0; 4];
        match read(&self.node, &mut word) {
            Ok(4) => Ok(Some(Port(u32::from_ne_bytes(word)))),
            Ok(_) | Err(Os::AGAIN | Os::INTR) => Ok(None),
            Err(error) => Err(io_error("evtchn read", error)),
        }
    }

    fn unmask(&self, port: Port) -> Result<(), SeamError> {
        let written = write(&self.node, &port.0.to_ne_bytes()).map_err(|error| io_error("evtchn unmask", error))?;
        if written == 4 {
            return Ok(());
        }
        Err(io_error("evtchn unmask", Os::IO))
    }

    fn ready(&self) -> BorrowedFd<'_> {
        self.node.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    /// The reading and writing half works over anything that carries words.
    fn pair() -> (Evtchn, OwnedFd) {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (node, kernel) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        (Evtchn { node }, kernel)
    }

    #[test]
    fn pending_ports_come_one_by_one() {
        let (events, kernel) = pair();
        assert_eq!(events.next_pending().unwrap(), None);
        write(&kernel, &[5u32, 9].map(u32::to_ne_bytes).concat()).unwrap();
        assert_eq!(events.next_pending().unwrap(), Some(Port(5)));
        assert_eq!(events.next_pending().unwrap(), Some(Port(9)));
        assert_eq!(events.next_pending().unwrap(), None);
    }

    #[test]
    fn unmasking_writes_the_port() {
        let (events, kernel) = pair();
        events.unmask(Port(7)).unwrap();
        let mut seen = [0; 8];
        assert_eq!(read(&kernel, &mut seen).unwrap(), 4);
        assert_eq!(seen[..4], 7u32.to_ne_bytes());
        drop(kernel);
        assert!(matches!(events.unmask(Port(7)), Err(SeamError::Io { .. })));
    }

    #[test]
    fn a_node_of_another_driver_refuses() {
        let (events, _kernel) = pair();
        let errors = [
            events.bind_interdomain(DomId(1), Port(2)).unwrap_err(),
            events.bind_virq(3).unwrap_err(),
            events.notify(Port(1)).unwrap_err(),
            events.unbind(Port(1)).unwrap_err(),
        ];
        let names = ["bind_interdomain", "bind_virq", "notify", "unbind"];
        for (error, name) in errors.iter().zip(names) {
            assert_eq!(error.to_string(), format!("evtchn {name}: errno 25"));
        }
        let missing = Evtchn::open_at(Path::new("/nonexistent/evtchn")).err().unwrap();
        assert!(matches!(missing, SeamError::Node { .. }), "{missing}");
    }
}
