//! `XENMEM_set_pod_target` and `XENMEM_get_pod_target`: how much memory a domain that is populated on demand shall have, and where it stands.
//!
//! ```text
//!   entries   gfns that get a page when they are first touched
//!   cache     pages that the domain holds for them, and that are part of its total
//! ```

use super::{GET_POD_TARGET, SET_POD_TARGET, call};
use crate::call::{Call, Direction, Operation, OperationError};
use crate::names::DomId;
use crate::record::record;
use crate::release::Release;

record! {
    /// The argument.
    RECORD = "struct xen_pod_target", size 40 {
        /// In: what it shall have, in pages.
        TARGET_PAGES: u64 = "target_pages" @ 0;
        /// Out: what it has, in pages.
        TOT_PAGES: u64 = "tot_pages" @ 8;
        /// Out: the cache.
        POD_CACHE_PAGES: u64 = "pod_cache_pages" @ 16;
        /// Out: the entries.
        POD_ENTRIES: u64 = "pod_entries" @ 24;
        /// Whose.
        DOMID: u16 = "domid" @ 32;
    }
}

/// Where a domain stands; without anything on demand cache and entries are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnDemand {
    /// All pages that it has, the cache included.
    pub total_pages: u64,
    /// Pages that wait for their gfn.
    pub cache_pages: u64,
    /// Gfns that wait for their page.
    pub entries: u64,
}

fn encode(release: &Release, command: u32, domid: DomId, pages: u64) -> Result<Call, OperationError> {
    let mut record = RECORD.zeroed(release)?;
    TARGET_PAGES.put(release, &mut record, pages)?;
    DOMID.put(release, &mut record, domid.0.into())?;
    Ok(call(command, Direction::InOut, record))
}

fn decode(release: &Release, call: &Call) -> Result<OnDemand, OperationError> {
    let record = call.bytes(0);
    Ok(OnDemand {
        total_pages: TOT_PAGES.get(release, record)?,
        cache_pages: POD_CACHE_PAGES.get(release, record)?,
        entries: POD_ENTRIES.get(release, record)?,
    })
}

/// Tells Xen how much a domain shall have. Xen fills the cache up to that, and never takes from it: the balloon does that. EINVAL above
/// `max_mem`, and for a domain that is neither HVM nor PVH; nothing happens where nothing is on demand (xen/arch/x86/mm/p2m-pod.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetPodTarget {
    /// The domain.
    pub domid: DomId,
    /// All pages that it shall have.
    pub pages: u64,
}

impl Operation for SetPodTarget {
    type Reply = OnDemand;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        encode(release, SET_POD_TARGET, self.domid, self.pages)
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<OnDemand, OperationError> {
        decode(release, call)
    }
}

/// Asks where a domain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetPodTarget {
    /// The domain.
    pub domid: DomId,
}

impl Operation for GetPodTarget {
    type Reply = OnDemand;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        encode(release, GET_POD_TARGET, self.domid, 0)
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<OnDemand, OperationError> {
        decode(release, call)
    }
}
