//! What goes inside a domain: kernel loaders, memory layout, start state.
//!
//! ```text
//!   loader   path -> KernelImage        pure parsers over a file that stays a file
//!   cache    unpacked kernels on disk
//!   core_dump  memory and registers -> a file
//!   pvh      layout -> build            a pure plan, then its effects over the seam
//! ```
//!
//! Nothing here reads xenstore or configuration.

pub mod cache;
pub mod core_dump;
pub mod loader;
pub mod pvh;
