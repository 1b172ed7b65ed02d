//! Event channels in a trace.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use xen_abi::{DomId, Port};

use super::{Trace, outcome};
use crate::seam::{EventChannels, SeamError};

/// Event channels that are recorded.
pub(super) struct Recorded {
    pub(super) inner: Arc<dyn EventChannels>,
    pub(super) trace: Trace,
}

impl Recorded {
    fn note<T>(&self, name: &'static str, about: String, result: &Result<T, SeamError>, told: impl FnOnce(&T) -> String) {
        self.trace.count(|counts| counts.event(name));
        self.trace.write(|| format!("{} = {}", [name, &about].join(" ").trim_end(), outcome(result, told)));
    }
}

fn ok(_: &()) -> String {
    "ok".to_owned()
}

impl EventChannels for Recorded {
    fn bind_interdomain(&self, domid: DomId, remote: Port) -> Result<Port, SeamError> {
        let result = self.inner.bind_interdomain(domid, remote);
        self.note("evtchn bind_interdomain", format!("{domid} {remote}"), &result, Port::to_string);
        result
    }

    fn bind_virq(&self, virq: u32) -> Result<Port, SeamError> {
        let result = self.inner.bind_virq(virq);
        self.note("evtchn bind_virq", virq.to_string(), &result, Port::to_string);
        result
    }

    fn unbind(&self, port: Port) -> Result<(), SeamError> {
        let result = self.inner.unbind(port);
        self.note("evtchn unbind", port.to_string(), &result, ok);
        result
    }

    fn notify(&self, port: Port) -> Result<(), SeamError> {
        let result = self.inner.notify(port);
        self.note("evtchn notify", port.to_string(), &result, ok);
        result
    }

    /// Only a port that was pending, or a failure, is worth a line: loops ask until there is none.
    fn next_pending(&self) -> Result<Option<Port>, SeamError> {
        let result = self.inner.next_pending();
        if !matches!(result, Ok(None)) {
            self.note("evtchn pending", String::new(), &result, |port| port.map_or_else(String::new, |port| port.to_string()));
        }
        result
    }

    fn unmask(&self, port: Port) -> Result<(), SeamError> {
        let result = self.inner.unmask(port);
        self.note("evtchn unmask", port.to_string(), &result, ok);
        result
    }

    fn ready(&self) -> BorrowedFd<'_> {
        self.inner.ready()
    }
}
