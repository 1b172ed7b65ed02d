//! Xen's vocabulary and every byte layout that Xen decides.
//!
//! ```text
//!   names      DomId, Gfn, Mfn, Pfn, Port, GrantRef, VcpuId       what Xen calls things
//!   release    4.14 .. 4.22 -> domctl, sysctl, known features      which Xen speaks
//!   layout     field = offset + width                              how bytes stand
//!   record     Xen's structures and constants, release by release  where fields stand in which Xen
//!   facts      all of them in one list, to be measured             how we know
//!   call       number, five words, buffers, patch points           one hypercall as a value
//!   hypercall  one file per operation: request -> call -> reply    what we say
//!   io         the pages shared with a guest: store and console    what guests say
//!   boot       start info, ELF notes, HVM save records             what a new domain finds
//! ```
//!
//! This crate does no I/O, holds no `unsafe` and never allocates from a length that it has not bounded.

pub mod boot;
pub mod call;
pub mod errno;
pub mod facts;
pub mod hypercall;
pub mod io;
pub mod layout;
pub mod names;
pub mod record;
pub mod release;
pub mod text;

pub use call::{Arg, Buffer, Call, Direction, Operation, OperationError, Patch};
pub use errno::Errno;
pub use names::{DomId, Gfn, GrantRef, Mfn, Pfn, Port, VcpuId};
pub use release::Release;
