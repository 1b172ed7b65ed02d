//! The keeper's way to a worker: a process of this program, its two ends as standard input and output.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tracing::level_filters::LevelFilter;
use xenith_store::pair::{Channel, Questions};
use xenith_store::{Ended, Launch, Process};

/// This program, also where its file was replaced or removed.
const OURSELVES: &str = "/proc/self/exe";

/// Workers of this program, or of the one that the keeper names; without Xen in a directory.
pub(super) fn workers(standalone: Option<PathBuf>, level: LevelFilter) -> Launch<'static> {
    Box::new(move |program: Option<&Path>, channel: Channel, questions: Questions| {
        let mut command = Command::new(program.unwrap_or(Path::new(OURSELVES)));
        command.args(["store", "--worker", "--log-level", &level.to_string()]);
        if let Some(directory) = &standalone {
            command.arg("--standalone").arg(directory);
        }
        command.stdin(Stdio::from(OwnedFd::from(channel))).stdout(Stdio::from(OwnedFd::from(questions)));
        Ok(Box::new(Worker(command.spawn()?)) as Box<dyn Process>)
    })
}

struct Worker(Child);

impl Process for Worker {
    fn end(&mut self) -> Ended {
        let _ = self.0.kill();
        match self.0.wait() {
            Ok(status) => Ended { how: status.to_string(), killed: status.signal() == Some(rustix::process::Signal::KILL.as_raw()) },
            Err(error) => Ended { how: error.to_string(), killed: false },
        }
    }
}
