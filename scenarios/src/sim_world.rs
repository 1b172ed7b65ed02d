//! The real roles over the simulator, in one process.
//!
//! ```text
//!   stories --- API socket --- control thread --\
//!                 store socket --- store thread ---+-- xen-sim: hypercalls, grants, events --- scripted guests
//!               console socket -- console thread --/
//! ```
//!
//! The roles' own loops run, each in a thread of its own, over descriptors that the simulator makes ready. Time is the simulator's: it moves
//! when a story lets it pass, or when control waits.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::event::{EventfdFlags, eventfd};
use tempfile::TempDir;
use tracing_subscriber::filter::LevelFilter;
use xen_abi::{DomId, Release};
use xen_hv::{Dom0StoreRing, Xen};
use xen_sim::{Handle, Machine, MachineConfig, Script};
use xen_store::client::{SocketTransport, Transport};
use xenith_api::client::Unix;
use xenith_api::latest::Boot;
use xenith_control::{Control, ControlConfig, Roles, ServeConfig, ServeError, ServeLock, autostart, events};
use xenith_engine::clock::Clock;
use xenith_store::{BootNodes, Claims, MapPages, Means, Opened, Told, in_threads};

use crate::kernels;
use crate::leftovers::Leftovers;
use crate::store_walk;
use crate::world::{Api, COUNT, Footprint, Guest, Role, World};

/// How long a role may take to answer, in real time.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long an answer may take, in real time.
const SILENCE: Duration = Duration::from_secs(30);
/// Where control keeps what outlives the host, below the host's directory.
pub const STATE: &str = "state";
/// The file by which control knows that it dealt with all that is to start with the host.
const AUTOSTARTED: &str = "autostarted";
/// Real time that a step of a story gives the roles' threads.
const BREATH: Duration = Duration::from_millis(2);

/// A simulated host with Xenith on it.
pub struct SimWorld {
    machine: Machine,
    directory: PathBuf,
    /// The same, where it goes with the host.
    _temporary: Option<TempDir>,
    /// The stories' program, where it is not the one that runs.
    program: Option<PathBuf>,
    roles: Roles,
    store: Option<Running>,
    console: Option<Running>,
    control: Option<Running>,
}

/// Maps the store's state image.
const PAGES: MapPages = |file, length| xen_sys::map_file(file, 0, length);

/// A store's worker on this host.
fn worker_of(handle: &Arc<Handle>) -> Means {
    let (own, events) = (handle.clone(), handle.clone());
    Means {
        open: Box::new(move |_| {
            let (dom0, _) = own.open()?;
            Ok(Opened { grants: own, foreign: None, dom0: Some(dom0) })
        }),
        channels: Box::new(move |_| Ok(events)),
        pages: PAGES,
        mail: |file, from, length| xen_sys::socket_mail(file, from as u64, length),
        nodes: BootNodes::default(),
        confine: None,
    }
}

/// What the roles warn of, to standard output, or where a test's words go: a story that fails is told with it. Only the first call in a process counts.
pub fn log() {
    let _ = tracing_subscriber::fmt().with_test_writer().with_ansi(false).with_max_level(LevelFilter::WARN).try_init();
}

/// A role in its thread.
struct Running {
    stop: OwnedFd,
    thread: JoinHandle<Result<()>>,
}

impl Running {
    fn start(name: &str, serve: impl FnOnce(OwnedFd) -> Result<()> + Send + 'static) -> Result<Running> {
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        let theirs = stop.try_clone()?;
        let thread = thread::Builder::new().name(name.to_string()).spawn(move || serve(theirs))?;
        Ok(Running { stop, thread })
    }

    fn stop(self) -> Result<()> {
        rustix::io::write(&self.stop, &1u64.to_ne_bytes())?;
        self.thread.join().map_err(|_| anyhow!("a role panicked"))?
    }
}

impl SimWorld {
    /// A host of the usual size that answers as this release.
    pub fn start(release: Release) -> Result<SimWorld> {
        SimWorld::on(Machine::new(release, MachineConfig::default()))
    }

    /// A host of one's own making.
    pub fn on(machine: Machine) -> Result<SimWorld> {
        let temporary = tempfile::tempdir()?;
        SimWorld::with(machine, temporary.path().to_owned(), Some(temporary), Roles::default())
    }

    /// A host whose admin is whoever runs this process, root or not, in this directory. Of an earlier host there only what is durable is left: its
    /// state.
    pub fn of_anybody(release: Release, directory: PathBuf) -> Result<SimWorld> {
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            match path.is_dir() {
                true if path.ends_with(STATE) => {}
                true => std::fs::remove_dir_all(path)?,
                false => std::fs::remove_file(path)?,
            }
        }
        let roles = Roles { group: directory.join("group"), ..Roles::default() };
        std::fs::write(&roles.group, format!("xenith-admin:x:{}:\n", rustix::process::getegid().as_raw()))?;
        SimWorld::with(Machine::new(release, MachineConfig::default()), directory, None, roles)
    }

    fn with(machine: Machine, directory: PathBuf, temporary: Option<TempDir>, roles: Roles) -> Result<SimWorld> {
        machine.script_for_kernel(&[0xfa, 0xf4], Script::Halt);
        let mut world =
            SimWorld { machine, directory, _temporary: temporary, program: None, roles, store: None, console: None, control: None };
        world.store = Some(world.start_store()?);
        world.wait_for("store.sock")?;
        world.console = Some(world.start_console()?);
        world.wait_for("console.sock")?;
        world.start_control()?;
        Ok(world)
    }

    /// The same where another program runs than the stories' own, which is here: a test.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<PathBuf>) -> SimWorld {
        self.program = Some(program.into());
        self
    }

    /// The simulator behind it.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn process(&self, name: &str) -> Result<Arc<Handle>> {
        Ok(Arc::new(self.machine.process(DomId::DOM0, name)?))
    }

    fn wait_for(&self, socket: &str) -> Result<()> {
        let path = self.path(socket);
        let tries = START_LIMIT.as_millis() / BREATH.as_millis();
        for _ in 0..tries {
            if UnixStream::connect(&path).is_ok() {
                return Ok(());
            }
            thread::sleep(BREATH);
        }
        Err(anyhow!("nobody answers on {socket}"))
    }

    fn start_store(&self) -> Result<Running> {
        let handle = self.process("store")?;
        let (socket, image) = (self.path("store.sock"), self.path("store.image"));
        let config = xenith_store::Config { socket, image, pid_file: None, words: Vec::new() };
        let xen = Xen::new(handle.clone(), self.machine.release());
        Running::start("store", move |stop| {
            let host = || {
                let (_, dom0) = handle.open()?;
                let claims = Claims::make(&*handle, Some(dom0))?;
                Ok(xenith_store::Host { events: handle.clone(), claims, domains: Box::new(xen), pages: PAGES })
            };
            let workers = in_threads(|| worker_of(&handle));
            let (_never, update) = UnixStream::pair()?;
            Ok(xenith_store::serve(config, host, workers, Told { end: stop.as_fd(), update: update.as_fd() })?)
        })
    }

    fn start_console(&self) -> Result<Running> {
        let handle = self.process("console")?;
        let config = xenith_console::Config {
            log_dir: self.path("logs"),
            socket: self.path("console.sock"),
            store_socket: self.path("store.sock"),
            ..xenith_console::Config::default()
        };
        Running::start("console", move |stop| Ok(xenith_console::serve(config, handle.clone(), handle, stop.as_fd())?))
    }

    /// The lock that an earlier control let go may live on for a moment in a process that was just started: execve closes what it inherited only
    /// after its parent goes on.
    fn lock(&self) -> Result<ServeLock> {
        let config = ServeConfig { roles: self.roles.clone(), ..ServeConfig::new(self.socket()) };
        let tries = START_LIMIT.as_millis() / BREATH.as_millis();
        for _ in 0..tries {
            match ServeLock::take(&config) {
                Err(ServeError::AlreadyRunning { .. }) => thread::sleep(BREATH),
                taken => return Ok(taken?),
            }
        }
        Ok(ServeLock::take(&config)?)
    }

    fn start_control(&mut self) -> Result<()> {
        let handle = self.process("control")?;
        let socket = self.path("store.sock");
        let connect = move || {
            let transport: Box<dyn Transport + Send> = Box::new(SocketTransport::new(UnixStream::connect(&socket)?));
            Ok(transport)
        };
        let clock = Arc::new(SimClock { machine: self.machine.clone() });
        let config = ControlConfig::new(handle.clone(), handle, Arc::new(connect), clock, self.directory.clone());
        let config = ControlConfig { cache_dir: Some(self.path("kernels")), ..config };
        let lock = self.lock()?;
        self.control = Some(Running::start("control", move |stop| {
            let control = Arc::new(Control::start(config)?);
            events::spawn(&control)?;
            autostart::spawn(&control)?;
            Ok(xenith_control::serve(control, lock, stop)?)
        })?);
        self.wait_for("api.sock")
    }
}

impl Drop for SimWorld {
    fn drop(&mut self) {
        for role in [self.control.take(), self.console.take(), self.store.take()].into_iter().flatten() {
            if let Err(error) = role.stop() {
                eprintln!("a role did not end well: {error:#}");
            }
        }
    }
}

impl World for SimWorld {
    fn api(&self) -> Api {
        Api(Arc::new(Unix::new(self.socket(), SILENCE)))
    }

    fn socket(&self) -> PathBuf {
        self.path("api.sock")
    }

    fn program(&self) -> Result<PathBuf> {
        self.program.clone().map_or_else(|| Ok(std::env::current_exe()?), Ok)
    }

    fn boot(&mut self, guest: Guest) -> Result<Boot> {
        let cmdline = match guest {
            Guest::Halting => "sim.script=halt".to_string(),
            Guest::Busy => "sim.script=busy".to_string(),
            Guest::Linux => "console=hvc0 sim.script=well-behaved".to_string(),
            Guest::Ends(reason) | Guest::LinuxEnds(reason) => format!("sim.script={}-after-boot", xenith_engine::life::word(reason)),
            Guest::Counts => format!("sim.script=flood sim.flood_bytes={}", 16 * COUNT),
        };
        Ok(Boot { kernel: self.file("kernel.elf", &kernels::halting())?, initrd: None, cmdline })
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<String> {
        let path = self.path(name);
        if std::fs::read(&path).ok().as_deref() != Some(bytes) {
            std::fs::write(&path, bytes)?;
        }
        Ok(path.display().to_string())
    }

    fn hello(&self, vcpus: u32) -> String {
        format!(": {vcpus} vcpus online")
    }

    fn count_line(&self, number: u32) -> String {
        format!("{:015x}", number - 1)
    }

    fn pass(&mut self, time: Duration) -> Result<()> {
        self.machine.advance_ns(u64::try_from(time.as_nanos())?);
        thread::sleep(BREATH);
        Ok(())
    }

    fn store_places(&self) -> Vec<PathBuf> {
        vec![self.path("store.sock")]
    }

    /// Each 100 ms of it are [`BREATH`] of real time at least, and a busy host's threads need more than a guest's boot.
    fn boot_limit(&self) -> Duration {
        Duration::from_secs(3000)
    }

    fn slack_kib(&self) -> u64 {
        0
    }

    fn leftovers(&mut self) -> Result<Leftovers> {
        let audit = self.machine.audit();
        let mut counts = BTreeMap::from([("claimed pages".to_string(), audit.claimed_pages)]);
        for (domid, domain) in &audit.domains {
            counts.insert(format!("ports of {domid}"), domain.ports.len() as u64);
            counts.insert(format!("grants mapped by {domid}"), domain.grants as u64);
            counts.insert(format!("frames mapped by {domid}"), (domain.foreign_frames + domain.resources) as u64);
        }
        for directory in ["journal", "domains"] {
            counts.insert(directory.to_string(), entries(&self.path(directory)));
        }
        let domains: BTreeSet<u16> = audit.domains.keys().map(|domid| domid.0).collect();
        Ok(Leftovers { free_memory_kib: audit.free_pages * 4, domains, store_paths: store_walk::paths(&self.path("store.sock"))?, counts })
    }

    fn footprints(&self) -> Result<BTreeMap<String, Footprint>> {
        Ok(BTreeMap::new())
    }

    fn kill(&mut self, role: Role) -> Result<()> {
        match role {
            Role::Console => {
                self.console.take().context("no console runs")?.stop()?;
                self.console = Some(self.start_console()?);
                self.wait_for("console.sock")
            }
            Role::Control => {
                self.control.take().context("no control runs")?.stop()?;
                ensure!(self.client().list().is_err(), "control answers after its end");
                self.start_control()
            }
        }
    }

    fn boot_again(&mut self) -> Result<()> {
        std::fs::remove_file(self.path(AUTOSTARTED))?;
        self.kill(Role::Control)
    }

    fn is_autostarted(&self) -> bool {
        self.path(AUTOSTARTED).exists()
    }
}

fn entries(directory: &Path) -> u64 {
    std::fs::read_dir(directory).map_or(0, |entries| entries.count() as u64)
}

/// The simulator's clock: a wait moves it.
struct SimClock {
    machine: Machine,
}

/// The simulator boots on 1 January 2026.
const BOOT_SINCE_EPOCH: Duration = Duration::from_secs(1_767_225_600);

impl Clock for SimClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.machine.now_ns())
    }

    fn since_epoch(&self) -> Duration {
        BOOT_SINCE_EPOCH + self.now()
    }

    fn sleep(&self, duration: Duration) {
        self.machine.advance_ns(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        // The other roles work in real time.
        thread::sleep(Duration::from_millis(1));
    }

    /// Whoever waits for this clock looks often: it goes as fast as somebody moves it.
    fn by_the_host(&self, duration: Duration) -> Duration {
        duration.min(BREATH)
    }
}
