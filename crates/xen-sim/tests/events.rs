//! Event channels, grants and mappings, and what is left of them when a side dies.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::os::fd::AsFd;

use common::{Host, RELEASES, pvh, pvh_domain};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use xen_abi::hypercall::domctl::get_domain_state::NextChangedDomain;
use xen_abi::hypercall::domctl::getdomaininfo::GetDomainInfo;
use xen_abi::hypercall::domctl::lifecycle::DestroyDomain;
use xen_abi::hypercall::evtchn::{AllocUnbound, GetPortStatus, PortStatus};
use xen_abi::hypercall::sched::{RemoteShutdown, ShutdownReason};
use xen_abi::{DomId, Errno, Gfn, GrantRef, Port, Release};
use xen_hv::{Access, Dom0StoreRing, EventChannels, ForeignMemory, GrantMaps, MapError, Resource, SeamError};
use xen_sim::Handle;

const DOM_EXC: u32 = 3;

fn readable(handle: &Handle) -> bool {
    let ready = handle.ready();
    let mut fds = [PollFd::from_borrowed_fd(ready.as_fd(), PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
}

fn errno<T>(result: Result<T, SeamError>) -> Errno {
    result.err().and_then(|error| error.errno()).unwrap()
}

#[test]
fn a_port_goes_round() {
    let host = Host::new(Release::V4_17);
    let domid = host.run(pvh_domain(1)).unwrap();
    let guest = host.machine.as_domain(domid).unwrap();
    let store = host.machine.process(DomId::DOM0, "store").unwrap();
    let theirs = common::run_as(&guest, &host.release, AllocUnbound { domid: DomId::SELF, remote: DomId::DOM0 }).unwrap();
    let status = |port| host.run(GetPortStatus { domid, port });
    assert_eq!(status(theirs), Ok(PortStatus::Unbound(DomId::DOM0)));
    assert_eq!(errno(store.bind_interdomain(domid, Port(9))), Errno::EINVAL);
    assert_eq!(errno(store.bind_interdomain(DomId(9), theirs)), Errno::ESRCH);
    let ours = store.bind_interdomain(domid, theirs).unwrap();
    assert_eq!(status(theirs), Ok(PortStatus::Interdomain(DomId::DOM0, ours)));
    assert!(readable(&store), "a new binding is pending once");
    assert_eq!(store.next_pending().unwrap(), Some(ours));
    assert!(!readable(&store));
    store.unmask(ours).unwrap();
    assert_eq!(store.next_pending().unwrap(), None);
    drop(store);
    assert_eq!(status(theirs), Ok(PortStatus::Unbound(DomId::DOM0)), "the process is gone, the port waits again");
    let again = host.machine.process(DomId::DOM0, "store again").unwrap();
    again.bind_interdomain(domid, theirs).unwrap();
    host.run(DestroyDomain { domid }).unwrap();
    assert_eq!(again.next_pending().unwrap(), Some(ours));
    assert_eq!(host.machine.audit().domains[&DomId::DOM0].ports[&ours], "unbound, for d1");
}

#[test]
fn a_masked_port_fires_when_unmasked() {
    let host = Host::new(Release::V4_20);
    let one = host.machine.process(DomId::DOM0, "one").unwrap();
    let other = host.machine.process(DomId::DOM0, "other").unwrap();
    let (_, kernel) = one.open().unwrap();
    let port = one.bind_interdomain(DomId::DOM0, kernel).unwrap();
    one.next_pending().unwrap();
    assert_eq!(errno(other.notify(port)), Errno(107), "not the other's port");
    assert_eq!(errno(other.unbind(port)), Errno(107));
    one.notify(port).unwrap();
    assert_eq!(one.next_pending().unwrap(), None, "that went to the kernel");
    one.unbind(port).unwrap();
    assert_eq!(errno(one.notify(port)), Errno(107));
}

#[test]
fn dom_exc_has_one_binder_and_tells_of_deaths() {
    for release in RELEASES {
        let host = Host::new(release);
        let store = host.machine.process(DomId::DOM0, "store").unwrap();
        let port = store.bind_virq(DOM_EXC).unwrap();
        assert_eq!(errno(host.control.bind_virq(DOM_EXC)), Errno::EEXIST, "{release}");
        assert_eq!(errno(host.control.bind_virq(99)), Errno::EINVAL, "{release}");
        while store.next_pending().unwrap().is_some() {}
        store.unmask(port).unwrap();
        let domid = host.run(pvh_domain(1)).unwrap();
        host.run(RemoteShutdown { domid, reason: ShutdownReason::Watchdog }).unwrap();
        assert_eq!(store.next_pending().unwrap(), Some(port), "{release}");
        assert_eq!(host.run(GetDomainInfo { domid }).unwrap().unwrap().shutdown, Some(ShutdownReason::Watchdog), "{release}");
        store.unmask(port).unwrap();
        host.run(DestroyDomain { domid }).unwrap();
        assert_eq!(store.next_pending().unwrap(), Some(port), "{release}");
        if release >= Release::V4_21 {
            let mut changed = Vec::new();
            while let Ok(state) = host.run(NextChangedDomain) {
                changed.push((state.domid, state.exists));
            }
            assert_eq!(changed, [(DomId(0), true), (domid, false)], "{release}");
        }
        drop(store);
        assert!(host.control.bind_virq(DOM_EXC).is_ok(), "{release}");
    }
}

#[test]
fn an_absent_domid_answers_for_the_next_until_4_17() {
    for release in Release::ALL {
        let host = Host::new(release);
        let first = host.run(pvh_domain(1)).unwrap();
        let second = host.run(pvh_domain(1)).unwrap();
        host.run(DestroyDomain { domid: first }).unwrap();
        // The facade's operation compares; the raw record shows what Xen said.
        use xen_abi::Operation;
        use xen_hv::Hypercalls;
        let mut call = GetDomainInfo { domid: first }.encode(&release).unwrap();
        let answer = host.control.issue(&mut call).map_err(|error| error.errno().unwrap());
        let said = xen_abi::hypercall::domctl::domain(&release, &call).unwrap();
        let expected = if release < Release::V4_18 { (Ok(0), second) } else { (Err(Errno::ESRCH), first) };
        assert_eq!((answer, said), expected, "{release}");
    }
}

#[test]
fn a_mapping_keeps_a_dead_domain() {
    for release in RELEASES {
        let host = Host::new(release);
        let before = host.machine.audit();
        let built = pvh::build(&host, &pvh::Spec::default());
        let console = host.machine.process(DomId::DOM0, "console").unwrap();
        let page = GrantMaps::map(&console, built.domid, &[GrantRef(0)], Access::ReadWrite).unwrap();
        let peek = ForeignMemory::map(&host.control, built.domid, &[Gfn(pvh::CONSOLE_GFN), Gfn(pvh::STORE_GFN)], Access::Read).unwrap();
        page.write(7, b"xen").unwrap();
        let mut seen = [0; 3];
        peek.read(7, &mut seen).unwrap();
        assert_eq!(&seen, b"xen", "{release}: one page, two mappings");
        assert!(peek.write(0, b"x").is_err(), "{release}: read only");
        host.run(DestroyDomain { domid: built.domid }).unwrap();
        let left = |host: &Host| host.run(GetDomainInfo { domid: built.domid }).ok().flatten().map(|info| (info.dying, info.tot_pages));
        assert_eq!(left(&host), Some((true, 2)), "{release}");
        drop(peek);
        assert_eq!(left(&host), Some((true, 1)), "{release}");
        page.write(9, b"still there").unwrap();
        drop(page);
        assert_eq!(left(&host), None, "{release}");
        assert_eq!(host.machine.audit(), before, "{release}");
    }
}

#[test]
fn mappings_fail_frame_by_frame() {
    let host = Host::new(Release::V4_14);
    let built = pvh::build(&host, &pvh::Spec::default());
    let frames = [Gfn(1), Gfn(0xdead0), Gfn(2), Gfn(0xdead1)];
    let Err(MapError::Frames { failed, total, .. }) = ForeignMemory::map(&host.control, built.domid, &frames, Access::Read) else {
        panic!()
    };
    assert_eq!((failed, total), (vec![(1, Errno::EINVAL), (3, Errno::EINVAL)], 4));
    let grants = GrantMaps::map(&host.control, built.domid, &[GrantRef(1), GrantRef(2)], Access::Read);
    assert!(matches!(grants, Err(MapError::Seam(SeamError::Refused { errno: Errno::EINVAL, .. }))), "Linux names no grant");
    for (first, count, expected) in [(0, 64, None), (63, 2, Some(Errno::EINVAL)), (u64::MAX, 2, Some(Errno::EINVAL))] {
        let mapped = host.control.map_resource(built.domid, Resource::GrantTable, first, count);
        let errno = mapped.err().and_then(|error| if let MapError::Seam(seam) = error { seam.errno() } else { None });
        assert_eq!(errno, expected, "frames from {first}");
    }
    let Err(MapError::Frames { failed, .. }) = ForeignMemory::map(&host.control, DomId(9), &[Gfn(1)], Access::Read) else { panic!() };
    assert_eq!(failed, [(0, Errno::ESRCH)]);
    let audit = host.machine.audit();
    assert_eq!((audit.domains[&DomId::DOM0].foreign_frames, audit.domains[&DomId::DOM0].grants), (0, 0), "all or nothing");
}
