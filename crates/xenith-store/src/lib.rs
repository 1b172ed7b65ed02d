//! The store role: the xenstore core with rings, event channels and sockets around it.
//!
//! ```text
//!   tools ---- /run/xenstored/socket --- serve (epoll) ---\
//!   dom0's kernel --- xsd_kva, xsd_port --- Dom0StoreRing --+-- Store ---- xen_store::server::Server
//!   guests --- grant 1, event channel --- GrantMaps --------/     |
//!                                                                 \-- VIRQ_DOM_EXC, then DomainStates: which domains are gone?
//! ```
//!
//! [`Store`] works over the seam's traits and knows no descriptor: the simulator turns it by hand. [`serve`] adds the socket and the waiting.
//! What parses bytes of clients ([`Store`] and the core) is apart from what holds descriptors ([`serve`]), so that the two can become processes.

mod boot;
mod error;
mod image;
mod ring;
mod seams;
mod serve;
pub mod standalone;
mod store;

pub use boot::BootNodes;
pub use error::StoreError;
pub use image::ImageFile;
pub use ring::{Ring, RingFault};
pub use seams::{DomainStates, Seams};
pub use serve::{Claim, Config, DEFAULT_SOCKET, Inheritance, claim_inherited, serve, serve_inherited};
pub use store::{Store, VIRQ_DOM_EXC};
