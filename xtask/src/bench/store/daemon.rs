//! The stores under measurement, and what their processes cost.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// No store: a process that sends back what it reads. The floor.
    Echo,
    Ours,
    C,
    Oxenstored,
}

/// A process with its children, and its socket.
pub struct Daemon {
    pub who: Who,
    child: Child,
    program: PathBuf,
    directory: TempDir,
}

impl Daemon {
    /// Starts one and waits until it can be connected to.
    pub fn start(who: Who, program: &Path) -> Result<Self> {
        let directory = tempfile::tempdir().context("make a directory for a store")?;
        let place = directory.path();
        fs::write(place.join("ring.0"), [0; 4096]).context("write ring.0")?;
        fs::write(place.join("xsd_port"), "5").context("write xsd_port")?;
        let mut command = Command::new(program);
        match who {
            Who::Echo => command.args(["bench", "store", "--echo"]).arg(place.join("socket")),
            Who::Ours => command.args(["store", "--standalone"]).arg(place),
            Who::C => command.arg("-N").env("XENSTORED_PATH", place.join("socket")).env("XENSTORED_RUNDIR", place),
            Who::Oxenstored => &mut command,
        };
        command.env("XSSHIM_DIR", place).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("start {}", program.display()))?;
        let mut daemon = Self { who, child, program: program.to_owned(), directory };
        let begun = Instant::now();
        while UnixStream::connect(daemon.socket()).is_err() {
            let ended = daemon.child.try_wait().context("look after a store")?;
            ensure!(ended.is_none() && begun.elapsed() < PATIENCE, "{} does not come up", program.display());
            sleep(Duration::from_millis(10));
        }
        Ok(daemon)
    }

    /// The first of its processes.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it was started from.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Where clients connect.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Nanoseconds on a processor, of all threads of the process and its children.
    pub fn cpu_ns(&self) -> Result<u64> {
        let spent = |task: &u32| {
            let text = fs::read_to_string(format!("/proc/{task}/schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0)
        };
        Ok(self.tasks()?.iter().map(spent).sum())
    }

    /// Where all threads of it and its children, and the one that asks, may run.
    pub fn may_run_on(&self, processors: &CpuSet) -> Result<()> {
        sched_setaffinity(None, processors).context("choose a processor")?;
        for task in self.tasks()? {
            let task = i32::try_from(task).ok().and_then(Pid::from_raw);
            sched_setaffinity(task, processors).context("choose a store's processor")?;
        }
        Ok(())
    }

    /// All threads of it and its children.
    fn tasks(&self) -> Result<Vec<u32>> {
        let mut tasks = Vec::new();
        for process in self.processes()? {
            let entries = fs::read_dir(format!("/proc/{process}/task")).with_context(|| format!("tasks of {process}"))?;
            tasks.extend(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()));
        }
        Ok(tasks)
    }

    /// Bytes of memory, pages that several processes share counted once.
    pub fn memory(&self) -> Result<u64> {
        let mut kib = 0;
        for process in self.processes()? {
            let path = format!("/proc/{process}/smaps_rollup");
            let text = fs::read_to_string(&path).with_context(|| path.clone())?;
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).with_context(|| format!("{path}: no Pss"))?;
            kib += line.trim().trim_end_matches(" kB").parse::<u64>().with_context(|| path.clone())?;
        }
        Ok(kib * 1024)
    }

    /// It and its children.
    pub fn processes(&self) -> Result<BTreeSet<u32>> {
        let mut parents = Vec::new();
        for entry in fs::read_dir("/proc").context("read /proc")?.flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let text = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let after_name = text.rsplit(')').next().unwrap_or_default();
            parents.extend(after_name.split_whitespace().nth(1).and_then(|word| word.parse::<u32>().ok()).map(|parent| (process, parent)));
        }
        let mut all = BTreeSet::from([self.child.id()]);
        loop {
            let before = all.len();
            all.extend(parents.iter().filter(|(_, parent)| all.contains(parent)).map(|(process, _)| *process).collect::<Vec<_>>());
            if all.len() == before {
                return Ok(all);
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
