//! One role's process: started by us, or found running and adopted. Either way it is watched through a pidfd.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::role::{Role, Site, lock};

/// A role's process.
pub struct Process {
    pid: Pid,
    fd: OwnedFd,
    /// None where somebody else started it.
    child: Option<Child>,
}

impl Process {
    /// The one that holds the role's lock, or else a new one.
    pub fn adopt_or_start(role: Role, site: &Site, command: fn(Role, &Site) -> Command) -> io::Result<Process> {
        match lock::holder(&site.run_dir, role.name()) {
            Some((pid, fd)) => Ok(Process { pid, fd, child: None }),
            None => Process::start(command(role, site)),
        }
    }

    fn start(mut command: Command) -> io::Result<Process> {
        let mut child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let opened =
            pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData)).and_then(|pid| Ok((pid, pidfd_open(pid, PidfdFlags::empty())?)));
        match opened {
            Ok((pid, fd)) => Ok(Process { pid, fd, child: Some(child) }),
            Err(error) => {
                // What cannot be watched must not run unwatched.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Whether somebody else started it.
    pub fn is_adopted(&self) -> bool {
        self.child.is_none()
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Sends it a signal; one that has just ended needs none.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.fd, signal);
    }

    /// How it ended, once its descriptor polls readable. Only of a child of ours does the kernel tell.
    pub fn ended(mut self) -> String {
        match self.child.as_mut().map(Child::wait) {
            Some(Ok(status)) => format!("ended, {status}"),
            Some(Err(error)) => format!("ended, cannot tell how: {error}"),
            None => "ended".to_owned(),
        }
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// This very program with our options; its name says the role. It runs in a process group of its own: a Ctrl-C in the terminal is for us, and we
/// stop the roles in their order.
pub fn command(role: Role, site: &Site) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(format!("xenith-{}", role.name())).process_group(0).stdin(Stdio::null());
    site.tell(&mut command);
    // Its readiness is ours to tell.
    command.env_remove("NOTIFY_SOCKET");
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};

    #[test]
    fn a_child_is_watched_signalled_and_reaped() {
        let mut command = Command::new("sleep");
        command.arg("60");
        let process = Process::start(command).unwrap();
        assert!(!process.is_adopted());
        process.signal(Signal::TERM);
        poll(&mut [PollFd::new(&process, PollFlags::IN)], None).unwrap();
        assert_eq!(process.ended(), "ended, signal: 15 (SIGTERM)");
    }
}
