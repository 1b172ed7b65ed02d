//! Terminals for `xl console` and whatever else opens a path: a pty per console, its name in the store.
//!
//! ```text
//!   nobody has it open:  nothing is written, nothing is polled          (the kernel would keep 4 KiB of the past and show it much later)
//!        | inotify says: opened                  ^ the master says: hung up; what nobody read is thrown away
//!        v                                       |
//!   a viewer like any other: replay first, then what comes; keys the other way
//!
//!   the domain is gone:  it gets the rest, and a second to read it before the master is closed, which would throw it away
//! ```

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_setfl, inotify, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr};
use xen_abi::DomId;

use crate::console::Terminals;
use crate::viewers::ViewerId;

/// How long a reader has to read the last output of a domain that is gone.
const LINGER_MS: u64 = 1000;

/// One console's terminal.
pub struct Pty {
    /// Whose.
    pub domid: DomId,
    /// Our end.
    pub master: OwnedFd,
    /// Whoever has it open, as a viewer.
    pub viewer: Option<ViewerId>,
    /// It takes no more for now.
    pub full: bool,
    name: CString,
    watch: i32,
    /// Its domain is gone.
    orphan: bool,
    /// When to close it.
    close_at_ms: Option<u64>,
}

/// All terminals.
pub struct Ptys {
    /// By a number that is never used again.
    pub table: BTreeMap<u64, Pty>,
    next: u64,
    opened: OwnedFd,
    /// When the next one is to be closed.
    due_ms: Option<u64>,
}

impl Ptys {
    /// No terminals yet.
    pub fn new() -> io::Result<Ptys> {
        let opened = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        Ok(Ptys { table: BTreeMap::new(), next: 0, opened, due_ms: None })
    }

    /// Polls readable when somebody opened a terminal.
    pub fn opened(&self) -> BorrowedFd<'_> {
        self.opened.as_fd()
    }

    /// Which terminals were opened and have no viewer yet.
    pub fn take_opened(&self) -> Vec<u64> {
        let mut buffer = [MaybeUninit::uninit(); 1024];
        let mut reader = inotify::Reader::new(&self.opened, &mut buffer);
        let mut watches = Vec::new();
        while let Ok(event) = reader.next() {
            watches.push(event.wd());
        }
        let fresh = self.table.iter().filter(|(_, pty)| pty.viewer.is_none() && watches.contains(&pty.watch));
        fresh.map(|(id, _)| *id).collect()
    }

    /// The terminal's last output is written: it is closed a moment later. Only where its domain is gone.
    pub fn linger(&mut self, id: u64, now_ms: u64) {
        if let Some(pty) = self.table.get_mut(&id).filter(|pty| pty.orphan && pty.close_at_ms.is_none()) {
            let close_at_ms = now_ms.saturating_add(LINGER_MS);
            pty.close_at_ms = Some(close_at_ms);
            self.due_ms.get_or_insert(close_at_ms);
        }
    }

    /// Closes what is due and gives its viewers, and when the next is due.
    pub fn close_due(&mut self, now_ms: u64) -> (Vec<ViewerId>, Option<u64>) {
        if self.due_ms.is_none_or(|due| due > now_ms) {
            return (Vec::new(), self.due_ms);
        }
        let mut viewers = Vec::new();
        self.table.retain(|_, pty| {
            let due = pty.close_at_ms.is_some_and(|due| due <= now_ms);
            if due {
                viewers.extend(pty.viewer);
            }
            !due
        });
        self.due_ms = self.table.values().filter_map(|pty| pty.close_at_ms).min();
        (viewers, self.due_ms)
    }

    /// Whoever had it open is gone: what it did not read is not for the next. Gives its viewer, and whether the next one is there already.
    pub fn hang_up(&mut self, id: u64) -> Option<(ViewerId, bool)> {
        let pty = self.table.get_mut(&id)?;
        let viewer = pty.viewer.take()?;
        pty.full = false;
        if pty.orphan {
            self.table.remove(&id);
            return Some((viewer, false));
        }
        // The flush opens the slave, which is not to be taken for somebody else: the watch is off meanwhile, and who came in that time is seen
        // by the master. Where something of this fails, the next one sees a buffer of old text before the replay, or no replay.
        let _ = inotify::remove_watch(&self.opened, pty.watch);
        if let Ok(slave) = slave_of(&pty.name) {
            let _ = tcflush(&slave, QueueSelector::IFlush);
        }
        pty.watch = inotify::add_watch(&self.opened, &pty.name, inotify::WatchFlags::OPEN).unwrap_or(pty.watch);
        Some((viewer, pty.is_open()))
    }

    fn make(&self, domid: DomId) -> io::Result<Pty> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name: CString = ptsname(&master, Vec::new())?;
        // Opened once before it is watched: raw mode stays for whoever comes, and from the close on the master says "hung up".
        let slave = slave_of(&name)?;
        let mut settings = tcgetattr(&slave)?;
        settings.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &settings)?;
        drop(slave);
        fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK)?;
        let watch = inotify::add_watch(&self.opened, &name, inotify::WatchFlags::OPEN)?;
        Ok(Pty { domid, master, viewer: None, full: false, name, watch, orphan: false, close_at_ms: None })
    }
}

impl Pty {
    /// Whether somebody has it open.
    fn is_open(&self) -> bool {
        let mut fds = [PollFd::new(&self.master, PollFlags::empty())];
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready == 0)
    }
}

fn slave_of(name: &CString) -> rustix::io::Result<OwnedFd> {
    open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
}

impl Terminals for Ptys {
    fn open(&mut self, domid: DomId) -> Option<String> {
        match self.make(domid) {
            Ok(pty) => {
                let name = pty.name.to_string_lossy().into_owned();
                self.table.insert(self.next, pty);
                self.next += 1;
                Some(name)
            }
            Err(error) => {
                tracing::warn!("{domid} console: no terminal, `xl console` will not work: {error}");
                None
            }
        }
    }

    fn close(&mut self, domid: DomId) {
        let opened = &self.opened;
        self.table.retain(|_, pty| {
            if pty.domid == domid && !pty.orphan {
                pty.orphan = true;
                // The kernel drops the watch with the file in any case.
                let _ = inotify::remove_watch(opened, pty.watch);
            }
            !pty.orphan || pty.viewer.is_some()
        });
    }
}
