//! `xenith all`: the roles as child processes.
//!
//! ```text
//!   poll(signals, pidfd of each role, time) --events--> keeper (pure) --actions--> start | adopt, signal, notify, end
//! ```
//!
//! Its own death harms no role: they run on, each in its own process group, and the next `xenith all` finds them by their locks and
//! watches them through pidfds. A role that dies is started again, with a back-off. On SIGTERM the roles stop in the opposite order.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use tracing::{error, info, warn};
use xenith_api::latest::{Code, Problem};

use super::{Options, Role, Site, lock, ready};
use crate::context::Context;
use crate::{logging, signals};

mod keeper;
mod notify;
mod process;

use keeper::{Action, Event, Keeper};
use process::Process;

/// Run the daemon: start the roles, restart one that dies, stop all on SIGTERM
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith all                       in the foreground; the log goes to standard error\n  \
    xenith all --ready-fd 3 3>ready  writes a line to descriptor 3 once the API answers\n\n\
    Under systemd with Type=notify it tells its readiness by itself.\n\
    Roles that run already are adopted, so it may be killed and started again at any moment.\n\
    A store that dies goes on where it was when it is started again: nothing but the connections of its socket clients is lost.")]
pub struct All {
    /// Write a line to this descriptor once every role is ready
    #[arg(long, value_name = "N")]
    ready_fd: Option<u32>,
    #[command(flatten)]
    options: Options,
}

impl All {
    /// Supervises until it is asked to end.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let site = &self.options.site(context);
        logging::begin("all", site.log_level);
        ready::ready(&Role::ALL)?;
        let _lock = lock::take(&site.run_dir, "all")?;
        let end = signals::end_of_role()?;
        let supervisor = Supervisor {
            site,
            ready_fd: self.ready_fd,
            began: Instant::now(),
            keeper: Keeper::new(),
            processes: Vec::new(),
            command: process::command,
        };
        supervisor.run(&end)
    }
}

struct Supervisor<'s> {
    site: &'s Site,
    ready_fd: Option<u32>,
    began: Instant,
    keeper: Keeper,
    processes: Vec<(Role, Process)>,
    /// How a role is started.
    command: fn(Role, &Site) -> Command,
}

impl Supervisor<'_> {
    fn run(mut self, end: &OwnedFd) -> Result<(), Problem> {
        let mut stopping = false;
        while !self.tell(Event::Time) {
            let wait = self.keeper.wait(self.began.elapsed());
            let (asked, ended) = self.poll(if stopping { None } else { Some(end.as_fd()) }, wait)?;
            if asked {
                stopping = true;
                self.tell(Event::Stop);
            }
            for role in ended {
                self.bury(role);
            }
            self.look_for_answers();
        }
        info!("stopped");
        Ok(())
    }

    /// Gives the keeper an event and does what it says; true at the end.
    fn tell(&mut self, event: Event) -> bool {
        let actions = self.keeper.handle(self.began.elapsed(), event);
        actions.into_iter().any(|action| self.act(action))
    }

    fn act(&mut self, action: Action) -> bool {
        match action {
            Action::Start(role) => self.start(role),
            Action::Signal(role, signal) => self.signal(role, signal),
            Action::AllReady => notify::ready(self.ready_fd),
            Action::End => return true,
        }
        false
    }

    fn start(&mut self, role: Role) {
        match Process::adopt_or_start(role, self.site, self.command) {
            Ok(process) => {
                info!("{}: {}, pid {}", role.name(), if process.is_adopted() { "found running" } else { "started" }, process.pid());
                self.processes.push((role, process));
            }
            Err(error) => {
                error!("{}: cannot be started: {error}", role.name());
                self.tell(Event::Ended(role));
            }
        }
    }

    fn signal(&mut self, role: Role, signal: Signal) {
        if signal == Signal::KILL {
            warn!("{}: does not stop, killing it", role.name());
        }
        self.processes.iter().filter(|(known, _)| *known == role).for_each(|(_, process)| process.signal(signal));
    }

    fn bury(&mut self, role: Role) {
        let Some(at) = self.processes.iter().position(|(known, _)| *known == role) else { return };
        let (_, process) = self.processes.remove(at);
        let how = process.ended();
        if self.keeper.is_stopping() {
            info!("{}: {how}", role.name());
        } else {
            warn!("{}: {how}", role.name());
        }
        self.tell(Event::Ended(role));
    }

    fn look_for_answers(&mut self) {
        for role in self.keeper.unanswered() {
            if UnixStream::connect(self.site.socket_of(role)).is_ok() {
                info!("{}: ready", role.name());
                self.tell(Event::Answers(role));
            }
        }
    }

    /// Waits; whether we were asked to end, and which roles did.
    fn poll(&self, end: Option<BorrowedFd<'_>>, wait: Option<std::time::Duration>) -> Result<(bool, Vec<Role>), Problem> {
        let watched = self.processes.iter().map(|(role, process)| (Some(*role), process.as_fd())).chain(end.map(|fd| (None, fd)));
        let (roles, mut fds): (Vec<_>, Vec<_>) = watched.map(|(role, fd)| (role, PollFd::from_borrowed_fd(fd, PollFlags::IN))).unzip();
        let timeout = wait.and_then(|wait| Timespec::try_from(wait).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => (),
            Err(error) => return Err(Problem::new(Code::Internal, "all", format!("all: cannot wait: {error}"), "report this")),
        }
        let hit: Vec<Option<Role>> = roles.into_iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty()).map(|(role, _)| role).collect();
        Ok((hit.contains(&None), hit.into_iter().flatten().collect()))
    }
}

/// A line on the descriptor that our starter opened for us, reached by its name in /proc.
fn write_line(fd: u32) -> std::io::Result<()> {
    OpenOptions::new().write(true).open(format!("/proc/self/fd/{fd}"))?.write_all(b"ready\n")
}

#[cfg(test)]
mod tests;
