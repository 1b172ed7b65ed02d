//! A process's way to Xen: the seam's traits over the simulator.
//!
//! ```text
//!   issue(call) -> step, fault? -> call::perform(bytes) -> copy back Out buffers -> guests that were woken run -> answer
//! ```

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use xen_abi::{Call, DomId, Errno, Gfn, GrantRef, Port};
use xen_hv::{Access, Dom0StoreRing, EventChannels, ForeignMemory, GrantMaps, Hypercalls, MapError, Resource, SeamError, SharedPages};

use crate::call;
use crate::evtchn::Listener;
use crate::fault::Effect;
use crate::machine::Machine;
use crate::mapped_pages::MappedPages;
use crate::mapping::{Denied, Kind, Mapping};
use crate::page::Page;
use crate::process::{Process, ProcessId};
use crate::xen::Xen;

/// `ENOTCONN`: what the event channel device says of a port that this process does not have. Not one of Xen's numbers.
const ENOTCONN: Errno = Errno(107);

/// A process of a domain, with all device nodes open. Clones are the same process; dropping the last one is its death.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

struct Inner {
    machine: Machine,
    domid: DomId,
    process: ProcessId,
    ready: Arc<OwnedFd>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut xen = self.machine.lock();
        xen.close_ports_of(self.domid, self.process);
        xen.processes.remove(&self.process);
        xen.run_guests();
    }
}

fn refused(what: &'static str, errno: Errno) -> SeamError {
    SeamError::Refused { what, errno }
}

impl Handle {
    pub(crate) fn open(machine: Machine, domid: DomId, name: &str) -> Result<Handle, SeamError> {
        let process = Process::new(domid, name).map_err(|errno| SeamError::Io { what: "eventfd", source: errno.into() })?;
        let ready = process.ready();
        let mut xen = machine.lock();
        let id = xen.next_process;
        xen.next_process += 1;
        xen.processes.insert(id, process);
        drop(xen);
        Ok(Handle { inner: Arc::new(Inner { machine, domid, process: id, ready }) })
    }

    /// The domain that the process runs in.
    #[must_use]
    pub fn domid(&self) -> DomId {
        self.inner.domid
    }

    /// One small operation: its step, its fault, itself, and the guests that it woke.
    fn operate<T>(&self, what: &'static str, run: impl FnOnce(&mut Xen, &Inner) -> Result<T, Errno>) -> Result<T, SeamError> {
        let mut xen = self.inner.machine.lock();
        let fault = xen.step(self.inner.process, what);
        if let Some(Effect::Errno(errno)) = fault {
            return Err(refused(what, errno));
        }
        let done = run(&mut xen, &self.inner);
        xen.run_guests();
        match fault {
            Some(Effect::DoneBut(errno)) => Err(refused(what, errno)),
            _ => done.map_err(|errno| refused(what, errno)),
        }
    }

    /// One mapping: its step, its fault, and the record of it.
    fn map_pages(
        &self,
        what: &'static str,
        owner: DomId,
        total: usize,
        access: Access,
        pages: impl FnOnce(&mut Xen) -> Result<(Vec<Page>, Kind), Denied>,
    ) -> Result<Box<dyn SharedPages>, MapError> {
        let frames = |failed| MapError::Frames { what, domid: owner, total, failed };
        if total == 0 {
            return Err(SeamError::BadCall { what, reason: "0 frames".to_owned() }.into());
        }
        let mut xen = self.inner.machine.lock();
        match xen.step(self.inner.process, what) {
            Some(Effect::Errno(errno) | Effect::DoneBut(errno)) => return Err(refused(what, errno).into()),
            Some(Effect::Frames(failed)) => {
                let last = total - 1;
                return Err(frames(failed.into_iter().map(|(index, errno)| (index.min(last), errno)).collect()));
            }
            Some(Effect::Short(_)) | None => {}
        }
        let (pages, kind) = pages(&mut xen).map_err(|denied| match denied {
            Denied::Frames(failed) => frames(failed),
            Denied::Whole(errno) => refused(what, errno).into(),
        })?;
        let id = xen.note_mapping(Mapping { process: self.inner.process, owner, kind });
        drop(xen);
        Ok(Box::new(MappedPages::new(self.inner.machine.clone(), id, pages, access)))
    }
}

impl Hypercalls for Handle {
    fn issue(&self, call: &mut Call) -> Result<i64, SeamError> {
        call::check(call).map_err(|reason| SeamError::BadCall { what: call.name, reason })?;
        let mut xen = self.inner.machine.lock();
        let fault = xen.step(self.inner.process, call.name);
        let short = match &fault {
            Some(Effect::Errno(errno)) => return Err(refused(call.name, *errno)),
            Some(Effect::Frames(failed)) => return Err(refused(call.name, failed.first().map_or(Errno::EIO, |frame| frame.1))),
            Some(Effect::Short(extents)) => Some(*extents),
            Some(Effect::DoneBut(_)) | None => None,
        };
        let answer = call::perform(&mut xen, self.inner.domid, self.inner.process, short, call);
        xen.run_guests();
        drop(xen);
        match (fault, answer) {
            (Some(Effect::DoneBut(errno)), _) => Err(refused(call.name, errno)),
            (_, Ok(value)) => Ok(value),
            (_, Err(call::Refusal::Errno(errno))) => Err(refused(call.name, errno)),
            (_, Err(call::Refusal::NotSimulated(reason))) => Err(SeamError::BadCall { what: call.name, reason }),
        }
    }
}

impl ForeignMemory for Handle {
    fn map(&self, domid: DomId, frames: &[Gfn], access: Access) -> Result<Box<dyn SharedPages>, MapError> {
        let gfns: Vec<u64> = frames.iter().map(|gfn| gfn.0).collect();
        self.map_pages("foreign map", domid, gfns.len(), access, |xen| {
            let pages = xen.foreign_pages(domid, &gfns)?;
            Ok((pages, Kind::Foreign(gfns)))
        })
    }

    fn map_resource(&self, domid: DomId, resource: Resource, first: u64, count: usize) -> Result<Box<dyn SharedPages>, MapError> {
        let Resource::GrantTable = resource;
        self.map_pages("resource map", domid, count, Access::ReadWrite, |xen| {
            let last = first.saturating_add(count as u64 - 1);
            let pages = xen.living_mut(domid).and_then(|domain| {
                domain.grants.frame(last)?;
                (first..=last).map(|index| domain.grants.frame(index)).collect::<Result<Vec<Page>, Errno>>()
            });
            Ok((pages.map_err(Denied::Whole)?, Kind::Resource))
        })
    }
}

impl GrantMaps for Handle {
    fn map(&self, domid: DomId, grants: &[GrantRef], access: Access) -> Result<Box<dyn SharedPages>, MapError> {
        let write = access == Access::ReadWrite;
        self.map_pages("grant map", domid, grants.len(), access, |xen| {
            let (pages, gfns) = xen.granted_pages(self.inner.domid, domid, grants, write)?;
            Ok((pages, Kind::Grant { grants: grants.to_vec(), gfns, write }))
        })
    }
}

impl Inner {
    /// The port, if this process has it.
    fn own(&self, xen: &Xen, port: Port) -> Result<Port, Errno> {
        let listener = xen.domain(self.domid)?.ports.get(port).map(|channel| channel.listener);
        if listener == Some(Listener::Process(self.process)) { Ok(port) } else { Err(ENOTCONN) }
    }
}

impl EventChannels for Handle {
    fn bind_interdomain(&self, domid: DomId, remote: Port) -> Result<Port, SeamError> {
        self.operate("evtchn bind_interdomain", |xen, own| xen.bind_interdomain(own.domid, domid, remote, Listener::Process(own.process)))
    }

    fn bind_virq(&self, virq: u32) -> Result<Port, SeamError> {
        self.operate("evtchn bind_virq", |xen, own| xen.bind_virq(own.domid, virq, 0, Listener::Process(own.process)))
    }

    fn unbind(&self, port: Port) -> Result<(), SeamError> {
        self.operate("evtchn unbind", |xen, own| xen.close_port(own.domid, own.own(xen, port)?))
    }

    fn notify(&self, port: Port) -> Result<(), SeamError> {
        self.operate("evtchn notify", |xen, own| xen.send(own.domid, own.own(xen, port)?))
    }

    fn next_pending(&self) -> Result<Option<Port>, SeamError> {
        let mut xen = self.inner.machine.lock();
        Ok(xen.processes.get_mut(&self.inner.process).and_then(Process::pop))
    }

    fn unmask(&self, port: Port) -> Result<(), SeamError> {
        self.operate("evtchn unmask", |xen, own| xen.unmask(own.domid, own.own(xen, port)?))
    }

    fn ready(&self) -> BorrowedFd<'_> {
        self.inner.ready.as_fd()
    }
}

impl Dom0StoreRing for Handle {
    fn open(&self) -> Result<(Box<dyn SharedPages>, Port), SeamError> {
        if self.inner.domid != DomId::DOM0 {
            return Err(SeamError::Node { node: "/proc/xen/xsd_kva".to_owned(), source: std::io::ErrorKind::NotFound.into() });
        }
        let port = self.operate("xsd_port", |xen, _| xen.store_port().ok_or(Errno::ENODEV))?;
        let gfns = [Gfn(crate::dom0::STORE_RING_GFN)];
        match ForeignMemory::map(self, DomId::DOM0, &gfns, Access::ReadWrite) {
            Ok(pages) => Ok((pages, port)),
            Err(MapError::Seam(seam)) => Err(seam),
            Err(MapError::Frames { .. }) => Err(refused("xsd_kva", Errno::EINVAL)),
        }
    }
}
