//! The two rings that a domain is born with: HVM parameters, frames, ports, grants.

use xen_abi::{DomId, GrantRef, Port};

use super::{CONSOLE, STORE, Start};
use crate::call::param;
use crate::evtchn::Binding;
use crate::xen::Xen;

/// Grant entries that the builder reserves (public/grant_table.h): console and store.
const RESERVED: [(&str, (u32, u32), GrantRef); 2] = [("console", CONSOLE, GrantRef(0)), ("store", STORE, GrantRef(1))];
const PERMIT_ACCESS: u16 = 1;

pub(super) fn check(xen: &Xen, domid: DomId, start: &mut Start) {
    let Ok(domain) = xen.domain(domid) else { return };
    for (name, (frame, port), grant) in RESERVED {
        let (gfn, port) = (param(xen, domid, frame), Port(param(xen, domid, port) as u32));
        start.expect(gfn != 0 && domain.p2m.populated(gfn), || format!("{name}: frame {gfn:#x} has no memory"));
        let peer = match domain.ports.get(port).map(|channel| channel.binding) {
            Some(Binding::Unbound { remote } | Binding::Interdomain { remote, .. }) => remote,
            _ => {
                start.problem(format!("{name}: {port} is not for a backend"));
                continue;
            }
        };
        // A backend in the domain itself needs no grant.
        let Some((flags, granted, named)) = domain.grants.entry(grant).filter(|_| peer != domid) else { continue };
        let good = flags & 3 == PERMIT_ACCESS && granted == peer && named == gfn;
        start.expect(good, || {
            format!("{name}: {grant} has flags {flags:#x}, for {granted}, frame {named:#x}; the frame is {gfn:#x}, the backend {peer}")
        });
    }
}
