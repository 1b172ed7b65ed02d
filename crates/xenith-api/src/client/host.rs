//! The host.

use super::{Client, Exchange};
use crate::v1::{CpuPools, Host, Problem, routes};

impl<E: Exchange> Client<E> {
    /// The host.
    pub fn host(&self) -> Result<Host, Problem> {
        self.get(routes::HOST.path)
    }

    /// Every CPU pool.
    pub fn cpupools(&self) -> Result<CpuPools, Problem> {
        self.get(routes::CPUPOOLS.path)
    }

    /// Xen's own log, oldest byte first.
    pub fn host_log(&self) -> Result<Vec<u8>, Problem> {
        self.call::<()>(routes::HOST_LOG.method, routes::HOST_LOG.path, None)
    }
}
