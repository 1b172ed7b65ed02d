//! The store role: the xenstore core with rings, event channels and sockets around it, in two processes.
//!
//! ```text
//!   keeper (root): listening socket, copies of clients' sockets, event channels, state image, what is asked of the hypervisor
//!      |  pair: sockets of clients, who left, whose turn it is; questions about domains
//!   worker (a user of its own, no privcmd, few system calls):
//!      tools ---- sockets ------------------------- clients ---\
//!      dom0's kernel --- xsd_kva, xsd_port --- Dom0StoreRing --+-- Store ---- xen_store::server::Server ---- state image
//!      guests --- grant 1, event channel --- GrantMaps --------/     |
//!                                                                    \-- VIRQ_DOM_EXC, then DomainStates: which domains are gone?
//! ```
//!
//! [`Store`] works over the seam's traits and knows no descriptor: the simulator turns it by hand. [`work`] adds sockets and waiting, and
//! handles every byte that clients say; [`serve`] is the keeper, which outlives it.

mod boot;
mod claims;
pub mod confine;
mod error;
mod image;
mod keeper;
pub mod pair;
mod ring;
mod seams;
pub mod standalone;
mod store;
mod thread;
mod worker;

pub use boot::BootNodes;
pub use claims::{Claims, Dom0Ports, VIRQ_DOM_EXC};
pub use error::StoreError;
pub use image::ImageFile;
pub use keeper::{
    Claim, Config, DEFAULT_SOCKET, Ended, Host, Inheritance, InheritedRing, Launch, MapPages, NotTaken, Process, Told, claim_inherited,
    serve, serve_inherited,
};
pub use ring::{Progress, Ring, RingFault};
pub use seams::{Changed, DomainStates, Seams};
pub use store::{Ports, Store};
pub use thread::in_threads;
pub use worker::{Adopt, Means, Open, Opened, work};
