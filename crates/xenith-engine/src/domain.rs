//! Finding a domain by its handle, and ending it. A number alone is never trusted: numbers are used again.

use std::time::Duration;

use uuid::Uuid;
use xen_abi::DomId;
use xen_abi::hypercall::domctl::getdomaininfo::DomainInfo;

use crate::fault::Fault;
use crate::world::World;

/// How long a destroyed domain may take to go. What keeps it is somebody who still maps its memory: the store and the console let go within
/// milliseconds of the news, a stuck backend never does.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// The first look comes after this, each further one after twice as long.
const FIRST_LOOK: Duration = Duration::from_micros(500);
/// The longest time between two looks.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// What became of a destroyed domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is gone, or never was.
    Gone,
    /// It is dying: somebody still holds its memory.
    Dying(DomId),
}

/// The domain with this handle, where there is one; never the control domain. With a number at hand it is one question, without it a search.
pub fn find(world: &World, uuid: Uuid, domid: Option<DomId>) -> Result<Option<DomainInfo>, Fault> {
    let same = |info: &DomainInfo| info.handle == *uuid.as_bytes() && info.domid != DomId::DOM0;
    match domid {
        Some(domid) => Ok(world.xen.domain_info(domid)?.filter(same)),
        None => Ok(world.xen.domain_list()?.into_iter().find(same)),
    }
}

/// Destroys the domain with this handle and waits, for a bounded time, until it is gone.
pub fn destroy(world: &World, uuid: Uuid, domid: Option<DomId>) -> Result<End, Fault> {
    let Some(info) = find(world, uuid, domid)? else { return Ok(End::Gone) };
    kill(world, info.domid)?;
    gone(world, uuid, info.domid)
}

/// Destroys whatever has this number; a domain that is gone already is no error.
pub(crate) fn kill(world: &World, domid: DomId) -> Result<(), Fault> {
    match world.xen.destroy_domain(domid) {
        Err(error) if error.is_no_such_domain() => Ok(()),
        answer => Ok(answer?),
    }
}

/// Waits, for a bounded time, until the domain is gone.
pub(crate) fn gone(world: &World, uuid: Uuid, domid: DomId) -> Result<End, Fault> {
    let end = world.clock.now() + GONE_WITHIN;
    let mut look = FIRST_LOOK;
    while find(world, uuid, Some(domid))?.is_some() {
        if world.clock.now() >= end {
            tracing::warn!("{domid}: destroyed, but somebody still holds its memory");
            return Ok(End::Dying(domid));
        }
        world.clock.sleep(look);
        look = (look * 2).min(LAST_LOOK);
    }
    Ok(End::Gone)
}
