//! `get_domain_state`, from 4.21: a named domain, or the next one whose state changed.

use xen_abi::hypercall::domctl::{self as header, get_domain_state as abi};
use xen_abi::{DomId, Errno};

use super::Domctl;
use crate::call::Answer;
use crate::domain::{CDF_XS_DOMAIN, Domain, Life};
use crate::xen::Xen;

/// Where the pad stands that must be zero, in bytes of the body.
const PAD: (usize, usize) = (4, 4);

pub(super) fn run(xen: &mut Xen, mut op: Domctl<'_>) -> Answer {
    if !op.record.is_zero(PAD.0, PAD.1) {
        return Err(Errno::EINVAL.into());
    }
    let domid = if op.domid == DomId::INVALID { pop(xen, op.caller.domid)? } else { op.domid };
    let (state, caps, unique_id) = xen.domain(domid).map_or((0, 0, 0), describe);
    op.record.put(&abi::STATE, state)?;
    op.record.put(&abi::CAPS, caps)?;
    op.record.put(&abi::UNIQUE_ID, unique_id)?;
    op.record.put_header(&header::DOMAIN, domid.0.into())?;
    op.copy_back()
}

/// The next domain of those that changed; only for the domain that handles `VIRQ_DOM_EXC`.
fn pop(xen: &mut Xen, asker: DomId) -> Result<DomId, Errno> {
    if asker != DomId::DOM0 {
        return Err(Errno::EACCES);
    }
    xen.changed.as_mut().and_then(|changed| changed.pop_first()).ok_or(Errno::ENOENT)
}

fn describe(domain: &Domain) -> (u64, u64, u64) {
    let mut state = abi::EXIST;
    if domain.shutdown.is_some() {
        state |= abi::SHUTDOWN;
    }
    if domain.life == Life::Dead {
        state |= abi::DEAD;
    }
    let mut caps = 0;
    if domain.id == DomId::DOM0 {
        caps |= abi::CONTROL | abi::HARDWARE;
    }
    if domain.birth.flags & CDF_XS_DOMAIN != 0 {
        caps |= abi::XENSTORE;
    }
    (state.into(), caps.into(), domain.unique_id)
}
