//! The shipped binary on real Xen, seen from dom0: the world of the lab.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lab::image::Archive;
use rustix::process::{Pid, Signal, kill_process};
use xen_abi::hypercall::sched::ShutdownReason;
use xenith_api::client::Unix;
use xenith_api::latest::Boot;

use crate::kernels;
use crate::leftovers::Leftovers;
use crate::processes;
use crate::store_walk;
use crate::world::{Api, COUNT, Footprint, Guest, Role, World};

/// The shipped binary.
pub(crate) const BINARY: &str = "/usr/bin/xenith";
/// Its file's name, by which its processes are found.
pub(crate) const PROGRAM: &str = "xenith";
/// Where it serves the API.
pub(crate) const API_SOCKET: &str = "/run/xenith/api.sock";
/// Control's word that what starts with the host was started since its boot.
const AUTOSTARTED: &str = "/run/xenith/autostarted";
const CONSOLE_SOCKET: &str = "/run/xenith/console.sock";
const STORE_SOCKET: &str = "/run/xenstored/socket";
/// dom0's kernel carries what is said here through its ring.
const XENBUS: &str = "/dev/xen/xenbus";
const GUESTS: &str = "/lab/guest";
/// Where logs go that the host takes back.
const OUT: &str = "/lab/out";
/// Emulated machines are slow, and three of them may share two cores.
const START_LIMIT: Duration = Duration::from_secs(60);
const SILENCE: Duration = Duration::from_secs(120);
/// Xen's own heap grows and shrinks by a page or two with domains that come and go (measured on 4.17 and 4.20: 22 pages over the first 20 cycles,
/// then 0 to 9 over every 20). A page lost with every domain would still show: [`crate::stories`] makes a hundred.
const XEN_HEAP_KIB: u64 = 40 * 4;

/// dom0 with `xenith all` as its only toolstack.
pub struct LabWorld {
    all: Child,
    files: PathBuf,
}

impl LabWorld {
    /// Starts `xenith all` and waits until it answers.
    pub fn start() -> Result<LabWorld> {
        fs::create_dir_all(OUT)?;
        let files = PathBuf::from("/run/scenarios");
        fs::create_dir_all(&files)?;
        let log = File::create(Path::new(OUT).join("xenith.log"))?;
        let all = Command::new(BINARY).arg("all").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn().context(BINARY)?;
        let mut world = LabWorld { all, files };
        let began = Instant::now();
        while let Err(problem) = world.client().list() {
            if let Some(status) = world.all.try_wait()? {
                bail!("xenith all ended with {status}; its log is xenith.log");
            }
            ensure!(began.elapsed() < START_LIMIT, "the daemon does not answer: {problem}");
            thread::sleep(Duration::from_millis(100));
        }
        Ok(world)
    }

    fn tiny(&mut self, name: &str, kernel: &[u8]) -> Result<Boot> {
        Ok(Boot { kernel: self.file(name, kernel)?, initrd: None, cmdline: String::new() })
    }

    /// A guest that has itself once more in its initrd, to start in its own place.
    fn two_kernels(&mut self) -> Result<Boot> {
        let [kernel, initrd] = ["vmlinuz", "initrd"].map(|name| fs::read(Path::new(GUESTS).join(name)));
        let (kernel, mut both) = (kernel?, initrd?);
        let mut second = Archive::new();
        second.file("lab/vmlinuz", 0o644, &kernel)?;
        second.file("lab/initrd", 0o644, &both)?;
        both.extend(second.finish());
        let initrd = Some(self.file("two-kernels.initrd", &both)?);
        Ok(Boot { kernel: format!("{GUESTS}/vmlinuz"), initrd, cmdline: "console=hvc0 quiet lab.do=kexec".to_string() })
    }

    /// Ends `xenith all` with SIGTERM: every role ends, and with success.
    pub fn stop(mut self) -> Result<()> {
        let pid = Pid::from_child(&self.all);
        kill_process(pid, Signal::TERM)?;
        let status = self.all.wait()?;
        ensure!(status.success(), "xenith all ended with {status}");
        for role in ["store", "console", "control"] {
            ensure!(pid_of(role)?.is_none(), "{role} outlived a SIGTERM to xenith all");
        }
        Ok(())
    }
}

impl World for LabWorld {
    fn api(&self) -> Api {
        Api(Arc::new(Unix::new(API_SOCKET, SILENCE)))
    }

    fn socket(&self) -> PathBuf {
        API_SOCKET.into()
    }

    fn program(&self) -> Result<PathBuf> {
        Ok(std::env::current_exe()?)
    }

    fn boot(&mut self, guest: Guest) -> Result<Boot> {
        let word = match guest {
            Guest::Halting => return self.tiny("halting.elf", &kernels::halting()),
            Guest::Busy => return self.tiny("busy.elf", &kernels::busy()),
            Guest::Ends(reason) => return self.tiny(&format!("ends-{}.elf", reason.code()), &kernels::ending(reason.code())),
            Guest::Linux => String::new(),
            Guest::LinuxEnds(ShutdownReason::SoftReset) => return self.two_kernels(),
            Guest::LinuxEnds(reason) => format!("lab.do={}", xenith_engine::life::word(reason)),
            Guest::Counts => format!("lab.count={COUNT}"),
        };
        let cmdline = format!("console=hvc0 quiet {word}").trim_end().to_string();
        Ok(Boot { kernel: format!("{GUESTS}/vmlinuz"), initrd: Some(format!("{GUESTS}/initrd")), cmdline })
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<String> {
        let path = self.files.join(name);
        fs::write(&path, bytes)?;
        Ok(path.display().to_string())
    }

    fn hello(&self, vcpus: u32) -> String {
        format!("XENITH-GUEST: up cpus={vcpus} ")
    }

    fn count_line(&self, number: u32) -> String {
        format!("count {number}")
    }

    fn pass(&mut self, time: Duration) -> Result<()> {
        thread::sleep(time);
        Ok(())
    }

    fn store_places(&self) -> Vec<PathBuf> {
        vec![STORE_SOCKET.into(), XENBUS.into()]
    }

    fn boot_limit(&self) -> Duration {
        Duration::from_secs(120)
    }

    fn slack_kib(&self) -> u64 {
        XEN_HEAP_KIB
    }

    fn leftovers(&mut self) -> Result<Leftovers> {
        let host = self.client().host()?;
        let domains = self.client().list()?.iter().map(|domain| domain.domid).collect();
        let mut counts = BTreeMap::from([("claimed KiB".to_string(), host.claimed_memory_kib)]);
        counts.insert("event channels".to_string(), event_channels()?);
        counts.insert("journal files".to_string(), entries(Path::new("/run/xenith/journal")));
        counts.insert("domain records".to_string(), entries(Path::new("/run/xenith/domains")));
        Ok(Leftovers { free_memory_kib: host.free_memory_kib, domains, store_paths: store_walk::paths(Path::new(STORE_SOCKET))?, counts })
    }

    fn footprints(&self) -> Result<BTreeMap<String, Footprint>> {
        let all = processes::of(&[PROGRAM])?;
        all.iter().map(|one| Ok((one.name.clone(), Footprint { pss_kib: one.pss_kib()?, descriptors: one.descriptors()? }))).collect()
    }

    fn kill(&mut self, role: Role) -> Result<()> {
        let name = match role {
            Role::Control => "control",
            Role::Console => "console",
        };
        let old = pid_of(name)?.with_context(|| format!("no {name} runs"))?;
        kill_process(old, Signal::KILL)?;
        let began = Instant::now();
        let back = || -> Result<bool> {
            let new = pid_of(name)?.is_some_and(|pid| pid != old);
            Ok(new
                && match role {
                    Role::Control => self.client().list().is_ok(),
                    Role::Console => UnixStream::connect(CONSOLE_SOCKET).is_ok(),
                })
        };
        while !back()? {
            ensure!(began.elapsed() < START_LIMIT, "{name} did not come back after SIGKILL");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn boot_again(&mut self) -> Result<()> {
        fs::remove_file(AUTOSTARTED).context(AUTOSTARTED)?;
        self.kill(Role::Control)
    }

    fn is_autostarted(&self) -> bool {
        Path::new(AUTOSTARTED).exists()
    }
}

/// The role's process: `xenith all` names its children `xenith-ROLE`.
fn pid_of(role: &str) -> Result<Option<Pid>> {
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
        if program.ends_with(format!("xenith-{role}").as_bytes()) {
            return Ok(Pid::from_raw(pid));
        }
    }
    Ok(None)
}

/// Event channels that dom0's processes hold, as its kernel lists them.
fn event_channels() -> Result<u64> {
    let interrupts = fs::read_to_string("/proc/interrupts")?;
    Ok(interrupts.lines().filter(|line| line.contains("evtchn:")).count() as u64)
}

fn entries(directory: &Path) -> u64 {
    fs::read_dir(directory).map_or(0, |entries| entries.count() as u64)
}
