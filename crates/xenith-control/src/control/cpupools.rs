//! CPU pools as they are now.

use xen_hv::CpuPools as Told;
use xen_store::client::Request;
use xen_store::path;
use xenith_api::latest::{CpuPool, CpuPools, Problem};
use xenith_engine::fault::Fault;

use super::Control;

impl Control {
    /// Every CPU pool, and the CPUs that none has.
    pub fn cpupools(&self) -> Result<CpuPools, Problem> {
        let told = self.engine()?.world.xen.cpu_pools().map_err(Fault::from);
        let told = told.map_err(|fault| fault.problem("cpupools", None))?;
        let names = self.names_of_pools(&told);
        let pools = told.pools.into_iter().zip(names).map(|(pool, name)| CpuPool {
            id: pool.id,
            name: name.or_else(|| (pool.id == 0).then(|| POOL_0.to_owned())),
            scheduler: pool.scheduler.to_string(),
            cpus: pool.cpus,
            domains: pool.domains,
        });
        Ok(CpuPools { pools: pools.collect(), free_cpus: told.free })
    }

    /// What the toolstack that made them called them. Without a store they have no names.
    fn names_of_pools(&self, told: &Told) -> Vec<Option<String>> {
        let requests: Vec<Request> = told.pools.iter().map(|pool| Request::read(&path::pool(pool.id).name())).collect();
        match self.stores.with(|store| store.pipeline(&requests)) {
            Ok(replies) => {
                let text = |bytes: Vec<u8>| Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|name| !name.is_empty());
                replies.into_iter().map(|reply| reply.ok().and_then(text)).collect()
            }
            Err(fault) => {
                tracing::debug!("cpupools: no names: {fault}");
                vec![None; requests.len()]
            }
        }
    }
}

/// The name of pool 0 where nobody wrote one (libxl_cpupoolid_to_name, tools/libs/light/libxl_utils.c).
const POOL_0: &str = "Pool-0";
