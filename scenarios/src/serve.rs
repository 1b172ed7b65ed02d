//! A simulated host whose API is on a TCP port of the loopback, for programs that speak no Unix sockets.
//!
//! ```text
//!   127.0.0.1:PORT --> a pump for each connection --> api.sock --> control over xen-sim
//!   stdin ends     --> the host ends
//! ```
//!
//! Whoever is on this machine reaches the port, and a dump of a domain is a file that the caller names: as root, the process becomes nobody first,
//! whom its own group file makes an admin.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use serde_json::json;
use xen_abi::Release;
use xen_abi::hypercall::sched::ShutdownReason;
use xenith_api::latest::routes;

use crate::sim_world::SimWorld;
use crate::world::{Guest, World, config, create};

/// Domains that are made again when somebody destroyed them, with what each does.
const DOMAINS: [(&str, Guest); 4] =
    [("web", Guest::Linux), ("db", Guest::Busy), ("batch", Guest::Halting), ("crasher", Guest::Ends(ShutdownReason::Crash))];
/// Configs that are stored again when somebody removed them; one is of a domain that runs.
const CONFIGS: [&str; 2] = ["web", "mail"];
/// The simulator's time moves by this much each time that the same of real time went by.
const TICK: Duration = Duration::from_millis(10);
/// After so many ticks what is missing is made again.
const LOOK: u32 = 50;
/// The user and the group of nobody.
const NOBODY: u32 = 65534;

/// Serves until standard input ends. The first line of the output is JSON: the `url`, and the `kernel` that a domain can have. A host that was killed in
/// the directory before is followed by one that has just booted and knows what is durable; without a directory, there is none before.
pub fn serve(release: Release, directory: Option<PathBuf>) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port of the loopback")?;
    let temporary = tempfile::tempdir()?;
    let directory = directory.unwrap_or_else(|| temporary.path().to_owned());
    become_nobody(&directory)?;
    let mut world = SimWorld::of_anybody(release, directory)?;
    let kernel = world.boot(Guest::Linux)?.kernel;
    fill(&mut world);
    let address = listener.local_addr()?;
    let socket = world.socket();
    thread::Builder::new().name("pump".to_owned()).spawn(move || take(&listener, &socket))?;
    println!("{}", json!({ "url": format!("http://{address}"), "kernel": kernel }));
    io::stdout().flush()?;
    let ended = until_stdin_ends()?;
    for tick in 1_u32.. {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        thread::sleep(TICK);
        world.pass(TICK)?;
        if tick.is_multiple_of(LOOK) {
            fill(&mut world);
        }
    }
    Ok(())
}

/// For this thread, and so for all that it starts.
fn become_nobody(directory: &Path) -> Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    std::os::unix::fs::chown(directory, Some(NOBODY), Some(NOBODY)).with_context(|| format!("give away {}", directory.display()))?;
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    set_thread_groups(&[]).context("leave root's groups")?;
    set_thread_res_gid(gid, gid, gid).context("leave root's group")?;
    set_thread_res_uid(uid, uid, uid).context("stop being root")
}

/// Makes what is missing. Whoever asks meanwhile may be in the way of it: it is looked at again.
fn fill(world: &mut SimWorld) {
    for (name, guest) in DOMAINS {
        if let Ok(config) = config(world, name, guest)
            && world.client().domain(name).is_err()
        {
            let _ = create(world, &config);
        }
    }
    for name in CONFIGS {
        if let Ok(config) = config(world, name, Guest::Busy)
            && let Ok(body) = serde_json::to_vec(&config)
        {
            let path = routes::STORE_CONFIG.for_domain(name);
            let _ = world.api().0.exchange("PUT", &path, &[("If-None-Match", "*")], Some(&body));
        }
    }
}

fn until_stdin_ends() -> Result<Arc<AtomicBool>> {
    let ended = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&ended);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        tell.store(true, Ordering::Relaxed);
    })?;
    Ok(ended)
}

fn take(listener: &TcpListener, socket: &Path) {
    for stream in listener.incoming().filter_map(Result::ok) {
        let socket: PathBuf = socket.to_owned();
        // Without a thread the connection ends at once, and so the caller sees it.
        let _ = thread::Builder::new().name("connection".to_owned()).spawn(move || pump(&stream, &socket));
    }
}

/// Carries bytes both ways until both sides ended.
fn pump(stream: &TcpStream, socket: &Path) -> io::Result<()> {
    let api = UnixStream::connect(socket)?;
    stream.set_nodelay(true)?;
    let (mut asks, mut hears) = (stream.try_clone()?, api.try_clone()?);
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ = carry(&mut asks, &mut hears);
            let _ = hears.shutdown(Shutdown::Write);
        });
        let (mut answers, mut caller) = (&api, stream);
        let _ = carry(&mut answers, &mut caller);
        let _ = stream.shutdown(Shutdown::Both);
    });
    Ok(())
}

fn carry(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    io::copy(from, to).map(|_| ())
}
