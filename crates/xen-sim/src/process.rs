//! A process of a domain: what dies together when it is killed.
//!
//! It stands for one opening of the device nodes: ports bound through it and mappings made through it go when its [`crate::Handle`] goes.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};
use xen_abi::{DomId, Port};

/// A number for each process, never used again.
pub(crate) type ProcessId = u64;

/// The process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) domid: DomId,
    pub(crate) name: Arc<str>,
    /// Readable while `queue` is not empty.
    ready: Arc<OwnedFd>,
    queue: VecDeque<Port>,
}

impl Process {
    pub(crate) fn new(domid: DomId, name: &str) -> rustix::io::Result<Process> {
        let ready = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        Ok(Process { domid, name: Arc::from(name), ready, queue: VecDeque::new() })
    }

    /// The descriptor to poll.
    pub(crate) fn ready(&self) -> Arc<OwnedFd> {
        self.ready.clone()
    }

    /// Tells the process of an event.
    pub(crate) fn push(&mut self, port: Port) {
        if self.queue.is_empty() {
            // Adding 1 to a counter of zero neither blocks nor fails.
            let _ = rustix::io::write(&*self.ready, &1_u64.to_ne_bytes());
        }
        self.queue.push_back(port);
    }

    /// Takes the oldest event.
    pub(crate) fn pop(&mut self) -> Option<Port> {
        let port = self.queue.pop_front();
        self.settle();
        port
    }

    /// Forgets events of a port that is no more.
    pub(crate) fn forget(&mut self, port: Port) {
        self.queue.retain(|queued| *queued != port);
        self.settle();
    }

    fn settle(&mut self) {
        if self.queue.is_empty() {
            // Empties the counter; where it is empty already this says EAGAIN and does nothing.
            let _ = rustix::io::read(&*self.ready, &mut [0_u8; 8]);
        }
    }
}
