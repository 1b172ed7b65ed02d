//! What connects a domain with the store and its console: ports and parameters.

use xen_abi::hypercall::evtchn::{AllocUnbound, ClosePort, GetPortStatus, PortStatus};
use xen_abi::hypercall::hvm::{GetHvmParam, HvmParam, SetHvmParam};
use xen_abi::{DomId, Port};

use super::Xen;
use crate::error::Error;

impl Xen {
    /// Makes a port in `domid` that `remote` may bind to.
    pub fn alloc_unbound(&self, domid: DomId, remote: DomId) -> Result<Port, Error> {
        self.on(domid, &AllocUnbound { domid, remote })
    }

    /// Closes a port of the domain that we run in.
    pub fn close_port(&self, port: Port) -> Result<(), Error> {
        self.call(None, &ClosePort { port })
    }

    /// The state of a domain's port.
    pub fn port_status(&self, domid: DomId, port: Port) -> Result<PortStatus, Error> {
        self.on(domid, &GetPortStatus { domid, port })
    }

    /// Writes parameters in one trap. All are tried; the first failure is told.
    pub fn set_hvm_params(&self, domid: DomId, params: &[(HvmParam, u64)]) -> Result<(), Error> {
        let mut batch = self.batch();
        let add = |&(param, value): &(HvmParam, u64)| batch.add(Some(domid), SetHvmParam { domid, param, value });
        let tickets: Vec<_> = params.iter().map(add).collect();
        let mut replies = batch.run()?;
        tickets.into_iter().try_for_each(|ticket| replies.take(ticket))
    }

    /// Reads parameters in one trap, in the order asked.
    pub fn hvm_params(&self, domid: DomId, params: &[HvmParam]) -> Result<Vec<u64>, Error> {
        let mut batch = self.batch();
        let add = |&param: &HvmParam| batch.add(Some(domid), GetHvmParam { domid, param });
        let tickets: Vec<_> = params.iter().map(add).collect();
        let mut replies = batch.run()?;
        tickets.into_iter().map(|ticket| replies.take(ticket)).collect()
    }
}
