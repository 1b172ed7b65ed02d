//! test-xenstore, Xen's own suite for a store, out of Debian's xen-utils, against `xenith store --standalone`.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lab::Release;
use lab::peer::Peer;

use crate::test::house::House;
use crate::test::stages::command;
use crate::test::tally::Tally;

/// Every test of the suite, each so often.
const ITERATIONS: &str = "1000";
/// Tests by chance, for so many seconds.
const RANDOM_SECONDS: &str = "60";
/// How many tests either release's suite has; fewer in the output means that it did not run them all.
const TESTS: usize = 12;
/// How long the store may take to open its socket.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the suite may take, against a store that does not answer; random mode included.
const LIMIT: Duration = Duration::from_secs(300);

/// Both releases at the same time, each on a store of its own.
pub(super) fn run(house: &House, peers: &[(Release, Peer)]) -> Result<Tally> {
    let status = command(house, "cargo", &["build", "--quiet", "--locked", "-p", "xenith"]).status().context("start cargo")?;
    ensure!(status.success(), "cargo build -p xenith: {status}");
    let xenith = house.workspace.target.join("debug/xenith");
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let running: Vec<_> = peers.iter().map(|(release, peer)| scope.spawn(|| one(release, peer, &xenith))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Tally::failed("a thread of the suite panicked".to_owned())))
            .collect()
    });
    Ok(tallies.into_iter().fold(Tally::default(), Tally::and))
}

fn one(release: &Release, peer: &Peer, xenith: &Path) -> Tally {
    let every = on_a_store(xenith, peer, &["-i", ITERATIONS]).and_then(|text| all_tests(&text));
    let random = on_a_store(xenith, peer, &["-r", RANDOM_SECONDS]).map(drop);
    let told = |what: String, result: Result<()>| match result {
        Ok(()) => {
            println!("test-xenstore {release} {what}: passed");
            Tally::passed()
        }
        Err(error) => Tally::failed(format!("test-xenstore {release} {what}: {error:#}")),
    };
    told(format!("{ITERATIONS} iterations"), every).and(told(format!("random mode, {RANDOM_SECONDS} s"), random))
}

/// Each test that passed has a line with its name and its time.
fn all_tests(text: &str) -> Result<()> {
    let ran = text.lines().filter(|line| line.contains(" ns")).count();
    ensure!(ran >= TESTS, "{ran} of {TESTS} tests told a time:\n{text}");
    Ok(())
}

/// What the suite said about a fresh store.
fn on_a_store(xenith: &Path, peer: &Peer, arguments: &[&str]) -> Result<String> {
    let directory = tempfile::tempdir().context("make a directory for the store")?;
    let mut store = Command::new(xenith);
    store.args(["store", "--standalone"]).arg(directory.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut store = store.spawn().with_context(|| format!("start {}", xenith.display()))?;
    let said = suite(&directory.path().join("socket"), peer, arguments);
    let alive = store.try_wait().context("look after the store")?.is_none();
    end(&mut store)?;
    let said = said?;
    ensure!(alive, "the store ended meanwhile");
    Ok(said)
}

fn suite(socket: &Path, peer: &Peer, arguments: &[&str]) -> Result<String> {
    let begun = Instant::now();
    while UnixStream::connect(socket).is_err() {
        ensure!(begun.elapsed() < PATIENCE, "the store does not come up");
        thread::sleep(Duration::from_millis(10));
    }
    let mut program = Command::new(&peer.test_xenstore);
    program.args(arguments).env("XENSTORED_PATH", socket).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().with_context(|| format!("start {}", peer.test_xenstore.display()))?;
    let status = wait(&mut child)?;
    let output = child.wait_with_output().context("read what it said")?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match status {
        Some(status) if status.success() => Ok(said),
        Some(status) => bail!("{status}:\n{said}"),
        None => bail!("no end after {LIMIT:?}:\n{said}"),
    }
}

/// None: it had to be ended. It says a line for each test, which a pipe holds.
fn wait(child: &mut Child) -> Result<Option<ExitStatus>> {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if let Some(status) = child.try_wait().context("wait for the suite")? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(50));
    }
    end(child)?;
    Ok(None)
}

fn end(child: &mut Child) -> Result<()> {
    child.kill().context("end it")?;
    child.wait().context("wait")?;
    Ok(())
}
