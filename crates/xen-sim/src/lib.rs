//! A deterministic Xen: it decodes the bytes of hypercalls as a chosen release and answers like it. For tests; nothing of it ships.
//!
//! ```text
//!   control, store, console (the real roles)          scripted guests
//!        |  xen-hv's traits                                |  ring pages, ports
//!        v                                                 v
//!   Handle --Call bytes--> call/ (as 4.14 .. 4.22) ---> Xen { domains, memory, ports, grants, clock }
//!        ^                                                 |
//!        +-- FaultPlan: this step fails, so               Audit: exactly as before?
//! ```
//!
//! ```
//! use xen_abi::{DomId, Release};
//! use xen_hv::Hypercalls;
//! use xen_sim::{Machine, MachineConfig};
//!
//! let machine = Machine::new(Release::V4_20, MachineConfig::default());
//! let before = machine.audit();
//! let control = machine.process(DomId::DOM0, "control").unwrap();
//! let mut call = xen_abi::hypercall::version::GetVersion::call();
//! assert_eq!(control.issue(&mut call).unwrap(), 4 << 16 | 20);
//! assert_eq!(machine.audit(), before);
//! ```
//!
//! What it takes from Xen is what a toolstack can see: answers, errors and their order, memory accounting, who hears of what. What a release does
//! not know is ENOSYS; what it knows and the simulator does not is a [`xen_hv::SeamError::BadCall`], never an answer of Xen's.

mod audit;
mod call;
mod config;
mod cpu_policy;
mod dom0;
mod domain;
mod events;
mod evtchn;
mod fault;
mod grant_table;
mod guest;
mod handle;
mod heap;
mod hvm_context;
mod life;
mod log;
mod machine;
mod mapped_pages;
mod mapping;
mod memory;
mod p2m;
mod page;
mod pod;
mod process;
mod xen;

pub use audit::{Audit, DomainAudit};
pub use config::{CpuPoolConfig, CpuVendor, MachineConfig};
pub use dom0::KernelMessage;
pub use fault::{Effect, Fault, FaultPlan, Step, When};
pub use guest::{GuestReport, ModuleSeen, Script, flood_bytes};
pub use handle::Handle;
pub use machine::Machine;
