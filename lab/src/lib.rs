//! The lab: real Xen on any machine that can run QEMU, hardware virtualisation or not.
//!
//! ```text
//!  apt's own mirror                cache (outside the checkout)                one run
//!  +------------+  packages   +--------------------------------+   machine   +------------------------+
//!  | bullseye   |------------>| packages/SUITE/*.deb, sha256   |             | QEMU (TCG)             |
//!  | bookworm   |             | xen/       hypervisors, plain  |------------>|  Xen 4.14 | 4.17 | 4.20|
//!  | trixie     |   image     | kernels/   dom0 and guest      |  + overlay  |  dom0: busybox, modules|
//!  +------------+------------>| images/    base, guest, peers  |  (one run)  |  /lab/script           |
//!                             +--------------------------------+             +-----------+------------+
//!                                                                 console lines, report lines, files back
//! ```
//!
//! [`setup`] makes the host ready, [`packages`] fetches, [`image`] builds what dom0 starts from, [`machine`] boots it
//! and hands back what it said, and [`Lab`] ties the four together. `README.md` beside the sources tells the same
//! story for people.

pub mod cache;
mod choice;
pub mod image;
mod job;
mod kernel;
mod lab;
pub mod machine;
pub mod packages;
pub mod peer;
pub mod progress;
pub mod release;
pub mod setup;

pub use cache::Cache;
pub use choice::Choice;
pub use job::Job;
pub use lab::Lab;
pub use progress::Progress;
pub use release::Release;
