//! The effects of a layout, one function per step of a plan, in this order. Whatever fails, destroying the domain undoes all of them.
//!
//! ```text
//!   cpu_policy     what the vcpus say of themselves                    1 hypercall
//!   populate       memory: 1 GiB, then 2 MiB, then 4 KiB extents       2 for a small domain
//!   memory_map     what the domain hears when it asks Xen              1
//!   load           kernel, initrd, start record, ACPI, special pages   1 map for each 256 MiB touched
//!   hvm_params     where the rings are, and their ports                6 in one trap
//!   vcpu_context   registers of vcpu 0, memory types of all            2
//!   clear_rings    both rings empty, for a domain that starts over      1 map
//!   grants         entries 0 and 1: console and xenstore rings         1 map
//! ```

mod grants;
mod load;
mod populate;
mod rings;
mod setup;

use std::io;

use xen_abi::layout::OutOfRecord;
use xen_abi::{DomId, OperationError};
use xen_hv::MapError;

use crate::loader::Role;
use crate::pvh::vcpu::ContextError;

pub use grants::{Peers, grants};
pub use load::{Contents, load};
pub use populate::populate;
pub use rings::clear_rings;
pub use setup::{Ports, cpu_policy, hvm_params, memory_map, vcpu_context};

/// Why a step of a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Xen refused.
    #[error(transparent)]
    Xen(#[from] xen_hv::Error),
    /// The host has no memory left.
    #[error("{domid}: the host has no memory for {missing_kib} KiB of the domain; free some or give the domain less")]
    OutOfMemory {
        /// The domain.
        domid: DomId,
        /// What it did not get.
        missing_kib: u64,
    },
    /// The domain's memory could not be mapped.
    #[error("{domid}: mapping {what}: {source}")]
    Map {
        /// The domain.
        domid: DomId,
        /// Which part of its memory.
        what: &'static str,
        /// The reason.
        source: MapError,
    },
    /// The mapped memory could not be written.
    #[error("{domid}: writing its memory at {address:#x}: {source}")]
    Write {
        /// The domain.
        domid: DomId,
        /// The guest physical address.
        address: u64,
        /// The reason.
        source: io::Error,
    },
    /// A file of the config could not be read to its end.
    #[error("{role}: {source}; it must stay as it is until the domain is created")]
    Read {
        /// Which file.
        role: Role,
        /// The reason.
        source: io::Error,
    },
    /// The domain's context is not as its release should have it.
    #[error("{domid}: {source}")]
    Context {
        /// The domain.
        domid: DomId,
        /// What is wrong.
        source: ContextError,
    },
    /// A record of ours or Xen's does not fit its layout.
    #[error("{domid}: {source}")]
    Record {
        /// The domain.
        domid: DomId,
        /// What does not fit.
        source: OperationError,
    },
}

impl BuildError {
    fn record(domid: DomId) -> impl Fn(OutOfRecord) -> BuildError {
        move |source| BuildError::Record { domid, source: source.into() }
    }

    fn write(domid: DomId, address: u64) -> impl Fn(io::Error) -> BuildError {
        move |source| BuildError::Write { domid, address, source }
    }

    /// Whether the host lacked memory.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            BuildError::OutOfMemory { .. } => true,
            BuildError::Xen(error) => error.is_out_of_memory(),
            _ => false,
        }
    }
}
