//! The typed facade: a Xen whose release is known.
//!
//! | file | what |
//! | --- | --- |
//! | `domain` | create, destroy, pause, unpause, shut down, ask |
//! | `memory` | bounds, paging pool, claim, populate, memory map |
//! | `vcpu` | CPU policy, time stamp counter, HVM context |
//! | `wiring` | event channel ports and HVM parameters |
//! | `host` | the host, its domains and Xen's own log |
//! | `pool` | CPU pools |

mod domain;
mod host;
mod memory;
mod pool;
mod vcpu;
mod wiring;

use std::sync::Arc;

use xen_abi::{DomId, Operation, Release};

use crate::batch::Batch;
use crate::error::{Cause, Error};
use crate::seam::Hypercalls;

pub use pool::CpuPools;

/// A Xen whose release is known. Cheap to clone; all clones share the way to it.
#[derive(Clone)]
pub struct Xen {
    hypercalls: Arc<dyn Hypercalls>,
    release: Release,
}

impl Xen {
    /// A facade for a release that was negotiated: [`crate::negotiate`].
    #[must_use]
    pub fn new(hypercalls: Arc<dyn Hypercalls>, release: Release) -> Xen {
        Xen { hypercalls, release }
    }

    /// The release.
    #[must_use]
    pub fn release(&self) -> Release {
        self.release
    }

    /// The way to Xen.
    #[must_use]
    pub fn hypercalls(&self) -> &Arc<dyn Hypercalls> {
        &self.hypercalls
    }

    /// A batch, to be filled.
    #[must_use]
    pub fn batch(&self) -> Batch {
        Batch::new(self.hypercalls.clone(), self.release)
    }

    /// Issues one operation about `subject`.
    pub fn call<O: Operation>(&self, subject: Option<DomId>, operation: &O) -> Result<O::Reply, Error> {
        let unsaid = |error| Error { operation: operation_name::<O>(), subject, cause: Cause::Operation(error), detail: None };
        let mut call = operation.encode(&self.release).map_err(unsaid)?;
        let name = call.name;
        let failed = |cause, detail| Error { operation: name, subject, cause, detail };
        match self.hypercalls.issue(&mut call) {
            Ok(value) => operation.decode(&self.release, value, &call).map_err(|error| failed(Cause::Operation(error), None)),
            Err(seam) => Err(failed(Cause::Seam(seam), operation.explain(&self.release, &call))),
        }
    }

    /// Issues one operation about a domain.
    fn on<O: Operation>(&self, domid: DomId, operation: &O) -> Result<O::Reply, Error> {
        self.call(Some(domid), operation)
    }
}

/// The last word of the request's type, for a request that has no call to name it.
fn operation_name<O>() -> &'static str {
    std::any::type_name::<O>().rsplit("::").next().unwrap_or("request")
}
