//! The supervisor over real processes: this test program, started again, plays the roles.

use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::*;
use tracing::level_filters::LevelFilter;

/// Not a test of its own: a role, where [`fake`] started it. It holds its lock and answers on its socket until a signal ends it.
#[test]
fn plays_a_role() {
    let Some(role) = std::env::var_os("XENITH_TEST_ROLE") else { return };
    let site = site(std::env::var_os("XENITH_TEST_DIR").unwrap().as_ref());
    let role = Role::ALL.into_iter().find(|known| known.name() == role).unwrap();
    let _lock = lock::take(&site.run_dir, role.name()).unwrap();
    let _ = std::fs::remove_file(site.socket_of(role));
    let listener = UnixListener::bind(site.socket_of(role)).unwrap();
    listener.incoming().for_each(drop);
}

fn fake(role: Role, site: &Site) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", "role::all::tests::plays_a_role"]).process_group(0);
    command.env("XENITH_TEST_ROLE", role.name()).env("XENITH_TEST_DIR", &site.run_dir);
    command.stdout(std::process::Stdio::null());
    command
}

fn site(dir: &std::path::Path) -> Site {
    let at = |name: &str| dir.join(name);
    Site {
        socket: at("api.sock"),
        run_dir: dir.to_owned(),
        store_socket: at("store.sock"),
        log_dir: at("log"),
        cache_dir: at("cache"),
        state_dir: at("state"),
        dump_limit_kib: 1024,
        log_level: LevelFilter::INFO,
    }
}

/// A supervisor on a thread: dropping the stream asks it to end; the receiver hears that it did.
fn supervise(site: Site) -> (UnixStream, Receiver<()>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (ended, hear) = channel();
    std::thread::spawn(move || {
        let supervisor =
            Supervisor { site: &site, ready_fd: None, began: Instant::now(), keeper: Keeper::new(), processes: Vec::new(), command: fake };
        supervisor.run(&theirs.into()).unwrap();
        ended.send(()).unwrap();
    });
    (ours, hear)
}

#[track_caller]
fn soon<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("not within 10 s: {what}");
}

fn pid(site: &Site, role: Role) -> Option<i32> {
    UnixStream::connect(site.socket_of(role)).ok()?;
    lock::holder(&site.run_dir, role.name()).map(|(pid, _)| pid.as_raw_nonzero().get())
}

fn pids(site: &Site) -> [i32; 3] {
    Role::ALL.map(|role| soon(role.name(), || pid(site, role)))
}

#[test]
fn roles_are_restarted_adopted_and_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let site = site(dir.path());
    let (first, _first_end) = supervise(site.clone());
    let before = pids(&site);

    let console = rustix::process::Pid::from_raw(before[1]).unwrap();
    rustix::process::kill_process(console, Signal::KILL).unwrap();
    let again = soon("a new console", || pid(&site, Role::Console).filter(|pid| *pid != before[1]));

    // A second supervisor, as after a crash of the first, finds the same processes and stops them.
    let (second, second_end) = supervise(site.clone());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(pids(&site), [before[0], again, before[2]]);
    // The first lets go as a killed one would: it is never told to end, and its thread goes with the test.
    std::mem::forget(first);
    drop(second);
    second_end.recv_timeout(Duration::from_secs(10)).unwrap();
}

#[test]
fn all_end_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let site = site(dir.path());
    let (asked, ended) = supervise(site.clone());
    let pids = pids(&site);
    drop(asked);
    ended.recv_timeout(Duration::from_secs(10)).unwrap();
    for pid in pids {
        assert!(rustix::process::test_kill_process(rustix::process::Pid::from_raw(pid).unwrap()).is_err(), "{pid} still runs");
    }
}
