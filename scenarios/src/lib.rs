//! Stories that run on the simulator and in the lab.
//!
//! ```text
//!   stories/*   what a person would do, over a World
//!       |
//!     World ---- sim::SimWorld   the real roles over xen-sim, in one process: milliseconds
//!          \---- lab::LabWorld   the shipped binary in dom0 on real Xen: minutes
//! ```
//!
//! `serve` gives programs of others a simulated host to talk to, `follow` is a client of its events. `bench` measures ours beside the stock tools, in the lab only. `witness` watches the store from a guest and from dom0 while it is replaced.
//!
//! A story changes nothing for good: after it, the runner compares what the host holds with what it held before.

pub mod bench;
pub mod follow;
pub mod kernels;
pub mod lab_world;
pub mod leftovers;
pub mod lives;
mod processes;
pub mod serve;
pub mod sim_world;
mod store_walk;
pub mod stories;
pub mod witness;
pub mod world;
