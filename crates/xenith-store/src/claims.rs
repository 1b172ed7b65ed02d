//! What of a host one process can have, and with it the right to be its store.

use xen_abi::{DomId, Errno, Port};
use xen_hv::{EventChannels, SeamError};

use crate::error::StoreError;

/// The interrupt that tells of domains that shut down or died (public/xen.h).
pub const VIRQ_DOM_EXC: u32 = xen_abi::io::VIRQ_DOM_EXC;

/// Both ends of the event channel to dom0's kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dom0Ports {
    /// Ours.
    pub local: Port,
    /// The kernel's.
    pub remote: Port,
}

/// What was claimed. It lasts as long as the event channel descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Where the domain exception interrupt arrives.
    pub virq: Port,
    /// dom0's kernel; `None` where there is none to serve.
    pub dom0: Option<Dom0Ports>,
}

impl Claims {
    /// Claims both; `dom0` is the port of dom0's kernel. Where another store has one of them, nothing stays bound.
    pub fn make(events: &dyn EventChannels, dom0: Option<Port>) -> Result<Claims, StoreError> {
        let virq = Claims::virq(events)?;
        let bind = |remote| match events.bind_interdomain(DomId::DOM0, remote) {
            Ok(local) => Ok(Dom0Ports { local, remote }),
            Err(error) => Err(taken(error, Errno::EINVAL, StoreError::Dom0Taken)),
        };
        match dom0.map(bind).transpose() {
            Ok(dom0) => Ok(Claims { virq, dom0 }),
            Err(error) => {
                // The error of the ring is the one to tell; the port goes with the descriptor in any case.
                let _ = events.unbind(virq);
                Err(error)
            }
        }
    }

    /// Claims the domain exception interrupt.
    pub fn virq(events: &dyn EventChannels) -> Result<Port, StoreError> {
        events.bind_virq(VIRQ_DOM_EXC).map_err(|error| taken(error, Errno::EEXIST, StoreError::VirqTaken))
    }
}

/// The error of a resource that one process can have.
fn taken(error: SeamError, errno: Errno, meaning: StoreError) -> StoreError {
    if error.errno() == Some(errno) { meaning } else { StoreError::Seam(error) }
}
