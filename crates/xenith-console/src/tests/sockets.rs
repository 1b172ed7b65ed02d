//! The whole role over real sockets and terminals, with a fake host behind it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use xen_abi::DomId;
use xen_store::client::{Loopback, Requests, Transport};
use xen_store::path;
use xen_store::server::ConnKind;

use super::world::World;
use crate::config::Config;
use crate::serve::{ServeError, serve};

const WEB: DomId = DomId(5);
const SOON: Duration = Duration::from_secs(20);

/// A role that serves a fake host until it is dropped.
struct Role {
    world: World,
    config: Config,
    dir: PathBuf,
    shutdown: Option<UnixStream>,
    role: Option<JoinHandle<Result<(), ServeError>>>,
    store: Option<JoinHandle<()>>,
    store_ends: Arc<AtomicBool>,
}

impl Role {
    fn start() -> Role {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("xenith-console-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let config =
            Config { log_dir: dir.join("log"), socket: dir.join("run/console.sock"), store_socket: dir.join("store"), ..Config::default() };
        let world = World::new();
        world.create(WEB, "web", 0);
        let store_ends = Arc::new(AtomicBool::new(false));
        let listener = UnixListener::bind(&config.store_socket).unwrap();
        let store = thread::spawn({
            let (world, ends) = (world.clone(), Arc::clone(&store_ends));
            move || bridge(&world, &listener, &ends)
        });
        let (shutdown, ours) = UnixStream::pair().unwrap();
        let role = thread::spawn({
            let (config, world) = (config.clone(), world.clone());
            move || serve(config, Arc::new(world.clone()), Arc::new(world), ours.as_fd())
        });
        let role = Role { world, config, dir, shutdown: Some(shutdown), role: Some(role), store: Some(store), store_ends };
        role.until("the console is served", || !role.tty().is_empty());
        role
    }

    fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < SOON, "never: {what}");
            sleep(Duration::from_millis(2));
        }
    }

    fn tty(&self) -> String {
        self.world.tools().read_text(&path::domain(WEB).console_tty()).unwrap().unwrap_or_default()
    }

    /// Sends a request and gives the reply line and the connection.
    fn ask(&self, request: &str) -> (String, BufReader<UnixStream>) {
        let mut stream = UnixStream::connect(&self.config.socket).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        (line.trim_end().to_owned(), reader)
    }

    fn say(&self, text: &[u8]) {
        let mut said = 0;
        self.until("the guest says it", || {
            said += self.world.say(WEB, &text[said..]);
            said == text.len()
        });
    }

    fn open_tty(&self) -> File {
        const O_NOCTTY: i32 = 0o400;
        OpenOptions::new().read(true).write(true).custom_flags(O_NOCTTY).open(self.tty()).unwrap()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        let ended = self.role.take().map(JoinHandle::join);
        self.store_ends.store(true, Ordering::Relaxed);
        let _ = self.store.take().map(JoinHandle::join);
        let _ = std::fs::remove_dir_all(&self.dir);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(Ok(())))), "{ended:?}");
        }
    }
}

/// Carries bytes between sockets and the store's core.
fn bridge(world: &World, listener: &UnixListener, ends: &AtomicBool) {
    listener.set_nonblocking(true).unwrap();
    let mut connections: Vec<(UnixStream, Loopback)> = Vec::new();
    while !ends.load(Ordering::Relaxed) {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true).unwrap();
            connections.push((stream, Loopback::join(Arc::clone(&world.server), ConnKind::Socket)));
        }
        let mut bytes = [0; 4096];
        for (stream, store) in &mut connections {
            if let Ok(count @ 1..) = stream.read(&mut bytes) {
                store.write_all(&bytes[..count]).unwrap();
            }
            while store.wait_readable(None).unwrap() {
                let count = store.read(&mut bytes).unwrap();
                stream.write_all(&bytes[..count]).unwrap();
            }
        }
        sleep(Duration::from_millis(1));
    }
}

fn expect(from: &mut impl Read, expected: &[u8]) {
    let mut seen = vec![0; expected.len()];
    from.read_exact(&mut seen).unwrap();
    assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(expected));
}

#[test]
fn viewers_see_type_and_end_with_the_domain() {
    let role = Role::start();
    role.say(b"before\r\n");
    let (reply, mut first) = role.ask("{\"attach\": 5}\n");
    assert_eq!(reply, r#"{"ok":{"domid":5,"log":"web"}}"#);
    // Keys may follow the line at once.
    let (_, mut second) = role.ask("{\"attach\": 5, \"replay\": false}\nls\n");
    role.say(b"after");
    expect(&mut first, b"before\r\nafter");
    expect(&mut second, b"after");
    first.get_mut().write_all(b"exit\n").unwrap();
    let mut heard = Vec::new();
    role.until("the keys arrive", || {
        heard.extend(role.world.hear(WEB));
        heard == b"ls\nexit\n"
    });
    role.say(b"bye");
    role.world.destroy(WEB);
    for viewer in [&mut first, &mut second] {
        expect(viewer, b"bye");
        assert_eq!(viewer.read(&mut [0; 10]).unwrap(), 0, "the stream ends");
    }
}

#[test]
fn logs_are_told_by_domid_and_by_name() {
    let role = Role::start();
    role.say(b"a line of output");
    let read = |request: &str| {
        let (reply, mut rest) = role.ask(request);
        let mut bytes = String::new();
        rest.read_to_string(&mut bytes).unwrap();
        (reply, bytes)
    };
    let expected = (r#"{"ok":{"bytes":16,"log":"web"}}"#.to_owned(), "a line of output".to_owned());
    assert_eq!(read("{\"log\": 5}\n"), expected);
    role.world.destroy(WEB);
    role.until("the console ends", || role.world.lock().bound.is_empty());
    assert_eq!(read("{\"log\": \"web\"}\n"), expected);
    let mode = std::fs::metadata(&role.config.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn refusals_say_why() {
    let role = Role::start();
    let cases = [
        ("{\"attach\": 77}\n", r#"{"error":{"code":"no_console","message":"d77 has no console that is served here"}}"#),
        ("{\"settle\": 77}\n", r#"{"error":{"code":"no_console","message":"d77 has no console that is served here"}}"#),
        ("{\"log\": \"../../../etc/passwd\"}\n", r#"{"error":{"code":"no_log","message":"no log ../../../etc/passwd"}}"#),
        ("{\"log\": \"nobody\"}\n", r#"{"error":{"code":"no_log","message":"no log nobody"}}"#),
        ("hello\n", r#"{"error":{"code":"bad_request","message":"not a request: expected value at line 1 column 1"}}"#),
    ];
    for (request, expected) in cases {
        let (reply, mut rest) = role.ask(request);
        assert_eq!(reply, expected);
        assert_eq!(rest.read(&mut [0; 10]).unwrap(), 0, "{request}");
    }
    let (long, _) = role.ask(&"x".repeat(5000));
    assert!(long.contains("no line feed within 4096 bytes"), "{long}");
    assert_eq!(role.ask("{\"settle\": 5}\n").0, r#"{"ok":{"domid":5}}"#);
    let second =
        serve(role.config.clone(), Arc::new(role.world.clone()), Arc::new(role.world.clone()), role.shutdown.as_ref().unwrap().as_fd());
    assert!(matches!(second, Err(ServeError::AlreadyRunning(_))), "{second:?}");
}

#[test]
fn a_viewer_that_does_not_read_harms_nobody() {
    let role = Role::start();
    let (_, mut slow) = role.ask("{\"attach\": 5}\n");
    let (_, mut quick) = role.ask("{\"attach\": 5}\n");
    let piece: Vec<u8> = (0..10_000u32).flat_map(|line| format!("{line:07}\n").into_bytes()).collect();
    for _ in 0..20 {
        for part in piece.chunks(16_000) {
            role.say(part);
            expect(&mut quick, part);
        }
    }
    role.say(b"the present");
    let mut seen = Vec::new();
    while !seen.ends_with(b"the present") {
        let mut bytes = [0; 4096];
        let count = slow.read(&mut bytes).expect("it goes on with the present");
        assert!(count > 0, "the stream ended");
        seen.extend_from_slice(&bytes[..count]);
    }
    let text = String::from_utf8(seen).unwrap();
    assert!(text.contains("bytes skipped, this viewer was too slow]"), "it is told");
    assert!(text.ends_with("0009999\nthe present"), "nothing between: {}", &text[text.len() - 60..]);
    assert!(text.len() < 1_000_000, "what it did not read was not kept: {}", text.len());
}

#[test]
fn terminals_replay_and_take_keys() {
    let role = Role::start();
    role.say(b"first boot\r\n");
    let mut tty = role.open_tty();
    expect(&mut tty, b"first boot\r\n");
    role.say(b"login: ");
    expect(&mut tty, b"login: ");
    tty.write_all(b"root\r").unwrap();
    let mut heard = Vec::new();
    role.until("the keys arrive, as typed and not echoed", || {
        heard.extend(role.world.hear(WEB));
        heard == b"root\r"
    });
    role.say(b"nobody reads this");
    role.until("it is logged", || std::fs::read(role.config.log_dir.join("web.log")).unwrap().ends_with(b"this"));
    drop(tty);
    // Whoever is answered is answered after the role saw that the terminal hung up.
    role.ask("{\"log\": 5}\n");
    role.say(b" twice");
    let mut again = role.open_tty();
    expect(&mut again, b"first boot\r\nlogin: nobody reads this twice");
    role.say(b"last words");
    role.world.destroy(WEB);
    expect(&mut again, b"last words");
    let end = again.read(&mut [0; 10]);
    assert!(matches!(&end, Ok(0)) || end.as_ref().is_err_and(|error| error.raw_os_error() == Some(5)), "{end:?}");
}
