//! Core dumps: a domain's memory and registers as an ELF file that `crash` and stock tools read.
//!
//! ```text
//!   format   the bytes before and behind the pages         docs/misc/dump-core-format.txt of Xen's tree, version 0.1
//!   write    every page that the domain has, in order      pages of zeroes become holes of the file
//! ```

mod format;
mod write;

pub use format::{CONTEXT_BYTES, Head, PAGES_ALIGN, tail};
pub use write::{DumpError, Dumped, Watch, write};
