//! The real loop on a real socket, on plain Linux.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use xen_abi::{DomId, GrantRef};
use xen_hv::{Access, GrantMaps, MapError, SharedPages};
use xen_store::client::{Client, Request, Requests, SocketTransport};
use xen_store::path::StorePath;
use xen_store::wire::Header;
use xenith_store::confine::FALLBACK;
use xenith_store::standalone::{FileChannels, FileDomains, FilePages};
use xenith_store::{BootNodes, Claims, Config, Host, MapPages, Means, Opened, StoreError, Told, in_threads, serve};

struct Serving {
    directory: TempDir,
    shutdown: UnixStream,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
}

/// A host without Xen, in a directory.
fn host(directory: &Path) -> Result<Host, StoreError> {
    let events = Arc::new(FileChannels::bind(directory)?);
    let claims = Claims::make(&*events, None)?;
    Ok(Host { events, claims, domains: Box::new(FileDomains::new(directory)), pages: PAGES })
}

const PAGES: MapPages = |file, length| xen_sys::map_file(file, 0, length);

fn means(directory: PathBuf) -> Means {
    Means {
        open: Box::new(|questions| {
            let pages = FilePages::new(questions.clone(), PAGES);
            Ok(Opened { grants: Arc::new(pages), foreign: None, dom0: None })
        }),
        channels: Box::new(move |events| Ok(Arc::new(FileChannels::adopt(&directory, events)?))),
        pages: PAGES,
        mail: |file, from, length| xen_sys::socket_mail(file, from as u64, length),
        nodes: BootNodes::default(),
        // A thread's rights are its own.
        confine: Some(Some(FALLBACK)),
    }
}

/// Serves until the other end of the socket is gone or says something.
fn serve_in(directory: &Path, shutdown: &UnixStream, means: fn(PathBuf) -> Means) -> Result<(), StoreError> {
    let (_never, update) = UnixStream::pair().unwrap();
    let told = Told { end: shutdown.as_fd(), update: update.as_fd() };
    let launch = in_threads(|| means(directory.to_owned()));
    serve(config(directory), || host(directory), launch, told)
}

impl Serving {
    fn start() -> Serving {
        Serving::start_with(means)
    }

    fn start_with(means: fn(PathBuf) -> Means) -> Serving {
        let directory = tempfile::tempdir().unwrap();
        let (shutdown, theirs) = UnixStream::pair().unwrap();
        let path = directory.path().to_owned();
        let thread = std::thread::spawn(move || serve_in(&path, &theirs, means));
        let serving = Serving { directory, shutdown, thread: Some(thread) };
        for _ in 0..1000 {
            if serving.pid_file().exists() {
                return serving;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the store does not come up");
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.path().join("pid")
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(self.socket()).unwrap()
    }

    fn client(&self) -> Client<SocketTransport> {
        Client::new(SocketTransport::new(self.connect()))
    }

    fn stop(&mut self) -> Result<(), StoreError> {
        self.shutdown.write_all(b"x").unwrap();
        self.thread.take().unwrap().join().unwrap()
    }
}

fn config(directory: &Path) -> Config {
    Config { socket: directory.join("socket"), image: directory.join("image"), pid_file: Some(directory.join("pid")), words: Vec::new() }
}

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

#[test]
fn clients_are_served_and_the_end_is_clean() {
    let mut serving = Serving::start();
    let mode = std::fs::metadata(serving.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = serving.client();
    assert_eq!(client.read(&path("/local/domain/0/name")).unwrap(), b"Domain-0");
    client.write(&path("/a/b"), "1").unwrap();
    assert_eq!(client.directory(&path("/a")).unwrap(), ["b"]);
    let by_old_name = UnixStream::connect(serving.directory.path().join("socket_ro")).unwrap();
    assert_eq!(Client::new(SocketTransport::new(by_old_name)).read(&path("/a/b")).unwrap(), b"1");
    serving.stop().unwrap();
    let left: BTreeSet<String> =
        std::fs::read_dir(serving.directory.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(left, ["evtchn", "image", "xenith.lock"].map(str::to_owned).into());
    assert!(!serving.socket().exists() && !serving.pid_file().exists());
    assert!(client.read(&path("/a")).is_err());
}

#[test]
fn a_second_store_is_told_before_it_touches_anything() {
    let serving = Serving::start();
    let (_keep, shutdown) = UnixStream::pair().unwrap();
    let told = Told { end: shutdown.as_fd(), update: shutdown.as_fd() };
    let untouched = || panic!("the host is looked at");
    let error = serve(config(serving.directory.path()), untouched, Box::new(|_, _, _| panic!("a worker is started")), told).unwrap_err();
    assert!(matches!(error, StoreError::AlreadyLocked { .. }) && error.is_already_running(), "{error}");
    serving.client().read(&path("/tool")).unwrap();
}

#[test]
fn a_store_of_another_make_is_found_by_its_socket() {
    let directory = tempfile::tempdir().unwrap();
    let _listener = UnixListener::bind(directory.path().join("socket")).unwrap();
    let (_keep, shutdown) = UnixStream::pair().unwrap();
    let told = Told { end: shutdown.as_fd(), update: shutdown.as_fd() };
    let untouched = || panic!("the host is looked at");
    let error = serve(config(directory.path()), untouched, Box::new(|_, _, _| panic!("a worker is started")), told).unwrap_err();
    assert!(matches!(error, StoreError::AlreadyServing { .. }), "{error}");
}

#[test]
fn a_dead_stores_socket_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(directory.path().join("socket")).unwrap());
    let (shutdown, theirs) = UnixStream::pair().unwrap();
    drop(shutdown);
    serve_in(directory.path(), &theirs, means).unwrap();
}

#[test]
fn a_pipelined_batch_is_one_wait() {
    let serving = Serving::start();
    let mut client = serving.client();
    let requests: Vec<Request> = (0..100).map(|n| Request::write(&path(&format!("/batch/{n}")), n.to_string())).collect();
    client.pipeline_all(&requests).unwrap();
    assert_eq!((client.counters().requests, client.counters().waits), (100, 1));
    assert_eq!(client.directory(&path("/batch")).unwrap().len(), 100);
    client.commit_blind(&requests).unwrap();
    assert_eq!((client.counters().requests, client.counters().waits), (203, 4));
}

#[test]
fn replies_larger_than_every_buffer_arrive() {
    let serving = Serving::start();
    let mut client = serving.client();
    client.write(&path("/big"), vec![b'x'; 4000]).unwrap();
    let requests: Vec<Request> = (0..2000).map(|_| Request::read(&path("/big"))).collect();
    let replies = client.pipeline_all(&requests).unwrap();
    assert!(replies.len() == 2000 && replies.iter().all(|reply| reply.len() == 4000));
}

#[test]
fn watch_events_arrive() {
    let serving = Serving::start();
    let (mut watcher, mut writer) = (serving.client(), serving.client());
    watcher.watch(&path("/w"), "token").unwrap();
    let event = watcher.wait_event(Some(Duration::from_secs(5))).unwrap().unwrap();
    assert_eq!((event.path.as_str(), event.token.as_str()), ("/w", "token"));
    assert_eq!(watcher.try_event().unwrap(), None);
    writer.write(&path("/w/x"), "1").unwrap();
    let event = watcher.wait_event(Some(Duration::from_secs(5))).unwrap().unwrap();
    assert_eq!(event.path, "/w/x");
    assert_eq!(watcher.wait_event(Some(Duration::from_millis(20))).unwrap(), None);
}

#[test]
fn a_broken_client_is_cut_off_alone() {
    let serving = Serving::start();
    let mut client = serving.client();
    let mut broken = serving.connect();
    broken.write_all(&Header { kind: 2, req_id: 0, tx_id: 0, len: 4097 }.encode()).unwrap();
    let mut rest = Vec::new();
    broken.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    client.read(&path("/tool")).unwrap();
}

#[test]
fn half_a_request_waits_for_the_other_half() {
    let serving = Serving::start();
    let mut slow = serving.connect();
    let mut request = Vec::new();
    xen_store::wire::encode(2, 9, 0, b"/local/domain/0/domid\0", &mut request).unwrap();
    for byte in request {
        slow.write_all(&[byte]).unwrap();
        serving.client().read(&path("/tool")).unwrap();
    }
    let mut reply = [0; 17];
    slow.read_exact(&mut reply).unwrap();
    assert_eq!(reply[16], b'0');
}

#[test]
fn a_client_that_never_reads_stops_only_itself() {
    let serving = Serving::start();
    let mut client = serving.client();
    client.write(&path("/big"), vec![b'x'; 4000]).unwrap();
    let deaf = serving.connect();
    deaf.set_nonblocking(true).unwrap();
    let mut request = Vec::new();
    xen_store::wire::encode(2, 9, 0, b"/big\0", &mut request).unwrap();
    let flood = request.repeat(1000);
    let mut sent = 0;
    while let Ok(count) = (&deaf).write(&flood) {
        sent += count;
        client.read(&path("/tool")).unwrap();
        assert!(sent < 64 << 20, "the store takes requests without end");
    }
    client.read(&path("/tool")).unwrap();
}

#[test]
fn many_idle_clients_change_nothing() {
    let serving = Serving::start();
    let idle: Vec<UnixStream> = (0..300).map(|_| serving.connect()).collect();
    let mut client = serving.client();
    client.write(&path("/x"), "1").unwrap();
    drop(idle);
    assert_eq!(client.read(&path("/x")).unwrap(), b"1");
}

/// A way to rings that has a flaw.
struct Flawed;

impl GrantMaps for Flawed {
    fn map(&self, domid: DomId, _: &[GrantRef], _: Access) -> Result<Box<dyn SharedPages>, MapError> {
        panic!("{domid}: the test's own flaw")
    }
}

#[test]
fn whoever_makes_the_worker_crash_is_cut_off_alone() {
    let flawed =
        |directory| Means { open: Box::new(|_| Ok(Opened { grants: Arc::new(Flawed), foreign: None, dom0: None })), ..means(directory) };
    let serving = Serving::start_with(flawed);
    std::fs::write(serving.directory.path().join("ring.7"), [0; 4096]).unwrap();
    let mut other = serving.client();
    other.write(&path("/kept"), "1").unwrap();
    let mut culprit = serving.connect();
    let mut request = Vec::new();
    xen_store::wire::encode(8, 1, 0, b"7\x001\x001\0", &mut request).unwrap();
    culprit.write_all(&request).unwrap();
    assert_eq!(culprit.read(&mut [0]).unwrap_or(0), 0, "it is cut off");
    assert_eq!(other.read(&path("/kept")).unwrap(), b"1");
    serving.client().write(&path("/new"), "1").unwrap();
}
