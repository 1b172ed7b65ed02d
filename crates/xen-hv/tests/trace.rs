//! A trace as text: what stands in it is all there is to compare two runs by.

// The helpers stand outside the test functions, where clippy.toml's leave for tests does not reach.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod fake;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use fake::fake;
use xen_abi::hypercall::hvm::{HvmParam, VALUE};
use xen_abi::{DomId, Errno, Gfn, GrantRef, Port, Release};
use xen_hv::{Access, EventChannels, ForeignMemory, GrantMaps, MapError, Resource, SeamError, SharedPages, Trace, Xen};

const D5: DomId = DomId(5);

/// A mapping of nothing.
struct NoPages;

impl SharedPages for NoPages {
    fn len(&self) -> usize {
        4096
    }
    fn read(&self, _: usize, _: &mut [u8]) -> io::Result<()> {
        Ok(())
    }
    fn write(&self, _: usize, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
    fn zero(&self, _: usize, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn load_u32(&self, _: usize) -> io::Result<u32> {
        Ok(0)
    }
    fn store_u32(&self, _: usize, _: u32) -> io::Result<()> {
        Ok(())
    }
    fn barrier(&self) {}
}

/// Maps everything but frame 9.
struct Maps;

impl ForeignMemory for Maps {
    fn map(&self, domid: DomId, frames: &[Gfn], _: Access) -> Result<Box<dyn SharedPages>, MapError> {
        let missing = frames.iter().enumerate().filter(|(_, frame)| frame.0 == 9);
        let failed: Vec<_> = missing.map(|(index, _)| (index, Errno::EINVAL)).collect();
        match failed.is_empty() {
            true => Ok(Box::new(NoPages)),
            false => Err(MapError::Frames { what: "foreign map", domid, total: frames.len(), failed }),
        }
    }
    fn map_resource(&self, _: DomId, _: Resource, _: u64, _: usize) -> Result<Box<dyn SharedPages>, MapError> {
        Err(SeamError::Refused { what: "resource map", errno: Errno::EOPNOTSUPP }.into())
    }
}

impl GrantMaps for Maps {
    fn map(&self, _: DomId, _: &[GrantRef], _: Access) -> Result<Box<dyn SharedPages>, MapError> {
        Ok(Box::new(NoPages))
    }
}

/// One event, then none.
struct Events(std::fs::File, std::sync::Mutex<Option<Port>>);

impl EventChannels for Events {
    fn bind_interdomain(&self, _: DomId, _: Port) -> Result<Port, SeamError> {
        Ok(Port(7))
    }
    fn bind_virq(&self, _: u32) -> Result<Port, SeamError> {
        Err(SeamError::Refused { what: "evtchn bind_virq", errno: Errno::EEXIST })
    }
    fn unbind(&self, _: Port) -> Result<(), SeamError> {
        Ok(())
    }
    fn notify(&self, _: Port) -> Result<(), SeamError> {
        Ok(())
    }
    fn next_pending(&self) -> Result<Option<Port>, SeamError> {
        Ok(self.1.lock().unwrap().take())
    }
    fn unmask(&self, _: Port) -> Result<(), SeamError> {
        Ok(())
    }
    fn ready(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn hypercalls_go_by(trace: &Trace) {
    let release = Release::V4_17;
    let hypercalls = trace.hypercalls(fake(move |call| match call.name {
        "hvm_op get_param" => VALUE.put(&release, &mut call.buffers[0].bytes, 0x1234).map(|()| 0).map_err(|_| Errno::EFAULT),
        "domctl pausedomain" => Err(Errno::ESRCH),
        _ => Ok(0),
    }));
    let xen = Xen::new(hypercalls, release);
    xen.set_max_mem(D5, 0x8000).unwrap();
    xen.pause(D5).unwrap_err();
    assert_eq!(xen.hvm_params(D5, &[HvmParam::STORE_PFN, HvmParam::CONSOLE_PFN]).unwrap(), [0x1234, 0x1234]);
}

fn mappings_go_by(trace: &Trace) {
    let memory = trace.foreign_memory(Arc::new(Maps));
    let frames: Vec<Gfn> = (0..4).chain([0x100, 9]).map(Gfn).collect();
    memory.map(D5, &frames[..5], Access::ReadWrite).unwrap();
    assert!(memory.map(D5, &frames, Access::Read).is_err());
    assert!(memory.map_resource(D5, Resource::GrantTable, 0, 1).is_err());
    trace.grant_maps(Arc::new(Maps)).map(D5, &[GrantRef(1)], Access::ReadWrite).unwrap();
}

fn events_go_by(trace: &Trace) {
    let null = std::fs::File::open("/dev/null").unwrap();
    let events = trace.event_channels(Arc::new(Events(null, Some(Port(7)).into())));
    events.bind_interdomain(D5, Port(2)).unwrap();
    assert!(events.bind_virq(3).is_err());
    assert_eq!(events.next_pending().unwrap(), Some(Port(7)));
    assert_eq!(events.next_pending().unwrap(), None);
    events.unmask(Port(7)).unwrap();
    events.notify(Port(7)).unwrap();
    events.unbind(Port(7)).unwrap();
}

#[test]
fn the_text_tells_images_results_and_what_xen_changed() {
    let trace = Trace::recording();
    hypercalls_go_by(&trace);
    mappings_go_by(&trace);
    events_go_by(&trace);
    let expected = include_str!("trace.txt");
    assert_eq!(trace.text(), expected, "tests/trace.txt differs from:\n{}", trace.text());
    trace.clear();
    assert_eq!(trace.text(), "");
}

#[test]
fn counts_are_the_same_with_and_without_text() {
    let (counting, recording) = (Trace::counting(), Trace::recording());
    for trace in [&counting, &recording] {
        hypercalls_go_by(trace);
        mappings_go_by(trace);
        events_go_by(trace);
    }
    assert_eq!(counting.counts(), recording.counts());
    assert_eq!(counting.text(), "");
    let text = counting.counts().to_string();
    assert!(text.ends_with("hypercalls 4 in 3 traps, mappings 4 of 13 frames\n"), "{text}");
    assert!(text.starts_with("domctl max_mem 1\ndomctl pausedomain 1\nhvm_op get_param 2\nforeign map 2 frames 11\n"), "{text}");
}
