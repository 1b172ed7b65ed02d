//! Pages of an ordinary file in memory: the store's state image, and rings that stand in for guests' where there is no Xen.

use std::io;
use std::os::fd::AsFd;

use xen_hv::{Access, SharedPages};

use crate::mapping::Mapping;

/// Maps `length` bytes (rounded up to pages) of a file from `offset` on, a multiple of the page size. What is written is in the file at
/// once, for whoever opens it later, whatever becomes of this process. The file must be that long and stay so: touching pages beyond its
/// end kills the process (SIGBUS).
pub fn map_file(file: impl AsFd, offset: u64, length: usize) -> io::Result<Box<dyn SharedPages>> {
    Ok(Box::new(Mapping::of_node(file, offset, length, Access::ReadWrite)?))
}
