//! Counts what an operation asks of Xen and of the store, where it leaves the engine.

use std::sync::Arc;

use xen_hv::Xen;
use xen_hv::trace::Trace;
use xenith_api::latest::Cost;

use crate::store::Stores;
use crate::world::World;

/// The counts of one operation.
pub(crate) struct Meter {
    trace: Trace,
    stores: Stores,
}

impl Meter {
    /// The same world, with everything that goes out through it counted from now on.
    pub(crate) fn on(world: &World) -> (World, Meter) {
        let trace = Trace::counting();
        let stores = world.stores.metered();
        let xen = Xen::new(trace.hypercalls(Arc::clone(world.xen.hypercalls())), world.xen.release());
        let memory = trace.foreign_memory(Arc::clone(&world.memory));
        let counted = World { xen, memory, stores: stores.clone(), ..world.clone() };
        (counted, Meter { trace, stores })
    }

    /// What it came to so far.
    pub(crate) fn cost(&self) -> Cost {
        let (counts, store) = (self.trace.counts(), self.stores.counters());
        Cost {
            hypercalls: counts.total_hypercalls(),
            traps: counts.traps,
            mappings: counts.total_mappings(),
            mapped_frames: counts.total_frames(),
            store_requests: store.requests,
            store_waits: store.waits,
        }
    }
}
