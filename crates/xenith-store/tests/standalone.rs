//! A directory in Xen's place.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use xen_abi::{DomId, GrantRef, Port};
use xen_hv::{Access, EventChannels, GrantMaps};
use xen_store::server::DomainState;
use xenith_store::DomainStates;
use xenith_store::pair::Questions;
use xenith_store::standalone::{FileChannels, FileDomains, FilePages};

#[test]
fn events_are_datagrams() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let channels = FileChannels::bind(path).unwrap();
    let port = channels.bind_interdomain(DomId(7), Port(3)).unwrap();
    assert_eq!((port, channels.bind_virq(3).unwrap(), channels.next_pending().unwrap()), (Port(1007), Port(1), None));
    // Nobody waits for it: no error.
    channels.notify(port).unwrap();
    let guest = UnixDatagram::bind(path.join("ev.7")).unwrap();
    channels.notify(port).unwrap();
    let mut bytes = [0; 8];
    assert_eq!(guest.recv(&mut bytes).unwrap(), 4);
    guest.send_to(&[1, 2], path.join("evtchn")).unwrap();
    guest.send_to(&1007u32.to_le_bytes(), path.join("evtchn")).unwrap();
    let again = FileChannels::adopt(path, rustix::io::fcntl_dupfd_cloexec(&channels, 0).unwrap()).unwrap();
    assert_eq!((again.next_pending().unwrap(), channels.next_pending().unwrap()), (Some(Port(1007)), None));
    drop((channels, again));
    // What a dead store left is in nobody's way.
    FileChannels::bind(path).unwrap();
}

#[test]
fn domains_are_files() {
    let directory = tempfile::tempdir().unwrap();
    let mut domains = FileDomains::new(directory.path());
    let mut state = |made: &str| {
        fs::write(directory.path().join(made), [0; 4096]).unwrap();
        domains.domain_state(DomId(7)).unwrap()
    };
    assert_eq!(state("ring.8"), DomainState::Gone);
    assert_eq!(state("ring.7"), DomainState::Alive);
    assert_eq!(state("shutdown.7"), DomainState::Shutdown);
    assert_eq!(state("dying.7"), DomainState::Gone);
}

#[test]
fn rings_come_from_who_may_open_files() {
    let directory = tempfile::tempdir().unwrap();
    let (questions, answers) = Questions::pair().unwrap();
    let mut domains = FileDomains::new(directory.path());
    let answering = std::thread::spawn(move || while answers.answer(&mut domains).is_ok() {});
    let pages = FilePages::new(Arc::new(questions), |file, length| xen_sys::map_file(file, 0, length));
    let map = || GrantMaps::map(&pages, DomId(7), &[GrantRef(1)], Access::ReadWrite).map(|pages| pages.len());
    assert!(map().is_err());
    fs::write(directory.path().join("ring.7"), [0; 4095]).unwrap();
    assert!(map().is_err(), "touching what is not there would kill us");
    fs::write(directory.path().join("ring.7"), [0; 4096]).unwrap();
    assert_eq!(map().unwrap(), 4096);
    drop(pages);
    answering.join().unwrap();
}
