//! Tries every node of this crate on a real Xen, from dom0: what the unit tests cannot. Leaves nothing behind.
//!
//! ```text
//!   probe::probe      what the host has
//!   Privcmd           a hypercall without memory, one with; a domain is made for what follows
//!   ForeignMemory     the domain's pages: written through one mapping, read through another; a frame that is not there is named
//!   map_resource      its grant table, where entry 0 is written
//!   Gntdev            maps grant 0, and sees the same page
//!   Evtchn            a channel to ourselves carries an event, masked until it is unmasked
//!   XenfsStoreRing    dom0's store ring is there
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use xen_abi::hypercall::domctl::createdomain::{CDF_HAP, CDF_HVM, CreateDomain, CreateFlags, X86_EMU_LAPIC};
use xen_abi::hypercall::memory::reservation::MemFlags;
use xen_abi::names::PAGE_SIZE;
use xen_abi::{Arg, Call, Direction, DomId, Gfn, GrantRef, Port};
use xen_hv::{Access, Dom0StoreRing, EventChannels, ForeignMemory, GrantMaps, Hypercalls, MapError, Negotiated, Resource, Xen, negotiate};
use xen_sys::{Evtchn, Gntdev, Privcmd, XenfsStoreRing};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const PAGES: [Gfn; 2] = [Gfn(0x100), Gfn(0x101)];

fn main() -> Outcome {
    println!("{:#?}", xen_sys::probe::probe());
    let privcmd = Arc::new(Privcmd::open()?);
    let release = match negotiate(privcmd.as_ref())? {
        Negotiated::Full(release) => release,
        other @ Negotiated::StableOnly(_) => return Err(format!("{other:?}").into()),
    };
    println!("hypercalls: Xen {release}");
    // Where the node of argument pages is missing, locked pages take its place.
    let locked = Privcmd::open_at(Path::new("/dev/xen/privcmd"), Path::new("/nonexistent"))?;
    println!("hypercalls from locked pages: {:?}", negotiate(&locked)?);
    let xen = Xen::new(Arc::clone(&privcmd) as Arc<dyn Hypercalls>, release);
    let domid = xen.create_domain(&CreateDomain {
        domid: DomId::ANY,
        handle: *b"xen-sys-examples",
        ssidref: release.initial_domu_sid(),
        flags: CreateFlags(CDF_HVM | CDF_HAP),
        max_vcpus: 1,
        max_evtchn_port: 1023,
        max_grant_frames: None,
        max_maptrack_frames: None,
        max_grant_version: xen.phys_info()?.max_grant_version(&release),
        cpupool: 0,
        emulation_flags: X86_EMU_LAPIC,
        relaxed_msr: false,
    })?;
    let outcome = pages(&xen, &privcmd, domid).and_then(|()| events(&privcmd)).and_then(|()| store_ring());
    xen.destroy_domain(domid)?;
    outcome?;
    println!("everything works");
    Ok(())
}

fn pages(xen: &Xen, privcmd: &Privcmd, domid: DomId) -> Outcome {
    xen.set_max_vcpus(domid, 1)?;
    xen.set_max_mem(domid, 4096)?;
    xen.set_paging_pool(domid, 1 << 20)?;
    assert_eq!(xen.populate_physmap(domid, 0, MemFlags(0), &PAGES)?, PAGES.len());
    let written = ForeignMemory::map(privcmd, domid, &PAGES, Access::ReadWrite)?;
    let text: Vec<u8> = (0..2 * PAGE_SIZE).map(|index| (index % 251) as u8).collect();
    written.write(0, &text)?;
    let read = ForeignMemory::map(privcmd, domid, &PAGES, Access::Read)?;
    let mut seen = vec![0; text.len()];
    read.read(0, &mut seen)?;
    assert_eq!(seen, text);
    match ForeignMemory::map(privcmd, domid, &[PAGES[0], Gfn(0x200), Gfn(0x300)], Access::Read) {
        Err(MapError::Frames { failed, .. }) => println!("foreign map: {} pages; frames that are not there: {failed:?}", PAGES.len()),
        other => return Err(format!("frames that are not there: {:?}", other.map(drop)).into()),
    }
    let table = privcmd.map_resource(domid, Resource::GrantTable, 0, 1)?;
    // grant_entry_v1 (public/grant_table.h): flags GTF_permit_access, domid of the grantee, frame.
    let entry = [1u16.to_le_bytes(), DomId::DOM0.0.to_le_bytes()].concat();
    table.write(0, &[entry.as_slice(), &(PAGES[1].0 as u32).to_le_bytes()].concat())?;
    let gntdev = Gntdev::open()?;
    let granted = gntdev.map(domid, &[GrantRef(0)], Access::ReadWrite)?;
    granted.store_u32(8, 0xfeed_beef)?;
    assert_eq!(read.load_u32(PAGE_SIZE + 8)?, 0xfeed_beef);
    let refused = gntdev.map(domid, &[GrantRef(1)], Access::Read).map(drop);
    println!("grant map: one page; a grant that is not there: {refused:?}");
    drop(granted);
    gntdev.map(domid, &[GrantRef(0)], Access::Read).map(drop)?;
    Ok(())
}

fn events(privcmd: &Privcmd) -> Outcome {
    // evtchn_alloc_unbound (public/event_channel.h): dom, remote_dom, port.
    let request = [DomId::SELF.0.to_le_bytes(), DomId::DOM0.0.to_le_bytes(), [0; 2], [0; 2]].concat();
    let mut alloc = Call::new("evtchn alloc_unbound", 32).arg(0, Arg::Word(6)).arg(1, Arg::Address(0)).buffer(Direction::InOut, request);
    privcmd.issue(&mut alloc)?;
    let far = alloc.bytes(0).last_chunk::<4>().map(|port| u32::from_le_bytes(*port)).ok_or("no port")?;
    let events = Evtchn::open()?;
    let near = events.bind_interdomain(DomId::DOM0, Port(far))?;
    while let Some(port) = events.next_pending()? {
        println!("event channels: {port} is pending after the bind");
        events.unmask(port)?;
    }
    let send = || {
        privcmd.issue(
            &mut Call::new("evtchn send", 32)
                .arg(0, Arg::Word(4))
                .arg(1, Arg::Address(0))
                .buffer(Direction::In, far.to_le_bytes().to_vec()),
        )
    };
    send()?;
    assert_eq!(wait(&events)?, Some(near));
    send()?;
    assert_eq!(wait(&events)?, None, "masked");
    events.unmask(near)?;
    assert_eq!(wait(&events)?, Some(near), "what came meanwhile");
    events.notify(near)?;
    events.unbind(near)?;
    let gone = events.notify(near);
    println!("event channels: {near} to port {far} carried; after unbind: {gone:?}");
    let mut close =
        Call::new("evtchn close", 32).arg(0, Arg::Word(3)).arg(1, Arg::Address(0)).buffer(Direction::In, far.to_le_bytes().to_vec());
    privcmd.issue(&mut close)?;
    Ok(())
}

fn wait(events: &Evtchn) -> Result<Option<Port>, Box<dyn std::error::Error>> {
    let ready = events.ready();
    let mut fds = [PollFd::new(&ready, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::try_from(Duration::from_millis(500))?))?;
    Ok(events.next_pending()?)
}

fn store_ring() -> Outcome {
    let (page, port) = XenfsStoreRing::default().open()?;
    println!("store ring: {} bytes, {port}, request indices {} {}", page.len(), page.load_u32(2048)?, page.load_u32(2052)?);
    Ok(())
}
