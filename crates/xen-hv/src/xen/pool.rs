//! CPU pools.

use xen_abi::Errno;
use xen_abi::hypercall::sysctl::cpupool::{CPUS_MAX, CpuPool, GetFreeCpus, NextCpuPool};

use super::Xen;
use crate::error::Error;

/// The pools, and what they leave over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuPools {
    /// Every pool, by number.
    pub pools: Vec<CpuPool>,
    /// CPUs that no pool has.
    pub free: Vec<u32>,
}

impl Xen {
    /// Every CPU pool, and the CPUs that none has.
    pub fn cpu_pools(&self) -> Result<CpuPools, Error> {
        let cpus = self.phys_info()?.max_cpu_id.saturating_add(1).min(CPUS_MAX);
        let mut pools: Vec<CpuPool> = Vec::new();
        let mut from = Some(0);
        while let Some(next) = from {
            match self.call(None, &NextCpuPool { from: next, cpus }) {
                Ok(pool) => {
                    from = pool.id.checked_add(1);
                    pools.push(pool);
                }
                Err(error) if error.errno() == Some(Errno::ENOENT) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(CpuPools { pools, free: self.call(None, &GetFreeCpus { cpus })? })
    }
}
