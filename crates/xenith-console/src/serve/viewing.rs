//! Viewers at their descriptors: what they are polled for, what they are shown, what they type.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::event::PollFlags;
use xen_store::client::SocketTransport;

use super::Server;
use super::client::{Client, Fate, Stage, read_some};
use super::wait::Source;
use crate::console::Console;
use crate::viewers::{View, ViewerId};

/// Keys taken from one viewer at once, in bytes.
const KEYS_AT_ONCE: usize = 1024;

impl Server {
    /// Clients and open terminals, with what each is polled for.
    pub(super) fn viewing(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>, PollFlags)> {
        let clients = self.clients.iter().map(|(id, client)| {
            let mut flags = PollFlags::empty();
            match &client.stage {
                Stage::Asking(_) => flags |= PollFlags::IN,
                Stage::Viewing { domid, full, mute, .. } => {
                    flags.set(PollFlags::IN, !mute && self.console.input_room(*domid) > 0);
                    flags.set(PollFlags::OUT, *full);
                }
                Stage::Reading(_) => flags |= PollFlags::OUT,
                Stage::Ending => {}
            }
            flags.set(PollFlags::OUT, flags.contains(PollFlags::OUT) || !client.reply.is_empty());
            (Source::Client(*id), client.stream.as_fd(), flags)
        });
        let open = self.ptys.table.iter().filter(|(_, pty)| pty.viewer.is_some());
        clients.chain(open.map(|(id, pty)| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, self.console.input_room(pty.domid) > 0);
            flags.set(PollFlags::OUT, pty.full);
            (Source::Terminal(*id), pty.master.as_fd(), flags)
        }))
    }

    /// Somebody opened a terminal.
    pub(super) fn opened(&mut self, id: u64) {
        if let Some(pty) = self.ptys.table.get_mut(&id) {
            pty.viewer = self.console.attach(pty.domid, true);
        }
    }

    /// Shows every viewer that is not full what it has not seen.
    pub(super) fn show_all(&mut self) {
        let clients: Vec<u64> = self.clients.iter().filter(|(_, client)| client.waits_for_output()).map(|(id, _)| *id).collect();
        for id in clients {
            self.show(id);
        }
        let terminals: Vec<u64> = self.ptys.table.iter().filter(|(_, pty)| pty.viewer.is_some() && !pty.full).map(|(id, _)| *id).collect();
        for id in terminals {
            self.show_terminal(id);
        }
    }

    fn show(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let fate = match client.flush() {
            Ok(false) => Ok(Fate::Stays),
            Ok(true) => show_client(&mut self.console, client),
            Err(error) => Err(error),
        };
        if !matches!(fate, Ok(Fate::Stays)) {
            self.drop_client(id);
        }
    }

    fn show_terminal(&mut self, id: u64) {
        let Some(pty) = self.ptys.table.get_mut(&id) else { return };
        let Some(viewer) = pty.viewer else { return };
        let shown = self.console.pump(viewer, |bytes| rustix::io::write(&pty.master, bytes).map_err(Into::into));
        pty.full = matches!(shown, Ok(View::Full));
        match shown {
            Ok(View::Whole | View::Full) => {}
            Ok(View::Ended) => self.ptys.linger(id, self.now_ms()),
            Err(_) => self.hang_up(id),
        }
    }

    fn hang_up(&mut self, id: u64) {
        let Some((viewer, next)) = self.ptys.hang_up(id) else { return };
        self.console.detach(viewer);
        if next {
            self.opened(id);
        }
    }

    /// A terminal that somebody has open can be read or written, or was closed.
    pub(super) fn terminal_ready(&mut self, id: u64, flags: PollFlags) {
        let Some(pty) = self.ptys.table.get(&id) else { return };
        if flags.contains(PollFlags::IN) {
            let mut keys = vec![0; self.console.input_room(pty.domid).min(KEYS_AT_ONCE)];
            if let Ok(count) = rustix::io::read(&pty.master, keys.as_mut_slice()) {
                self.console.input(pty.domid, keys.get(..count).unwrap_or_default());
            }
        }
        if flags.contains(PollFlags::HUP) {
            return self.hang_up(id);
        }
        if flags.contains(PollFlags::OUT) {
            self.show_terminal(id);
        }
    }

    fn drop_client(&mut self, id: u64) {
        if let Some(Client { stage: Stage::Viewing { viewer, .. }, .. }) = self.clients.remove(&id) {
            self.console.detach(viewer);
        }
    }

    /// A connection can be read or written, or was closed.
    pub(super) fn client_ready(&mut self, id: u64, flags: PollFlags) {
        // What a client sent before it went away is still heard, as far as there is room for it.
        if flags.contains(PollFlags::IN) && self.hear(id).is_err() {
            return self.drop_client(id);
        }
        let gone = flags.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        if gone && !flags.contains(PollFlags::IN) {
            return self.drop_client(id);
        }
        self.show(id);
    }

    /// Reads what a client sends: its request, then keys.
    fn hear(&mut self, id: u64) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        match &mut client.stage {
            Stage::Asking(_) => self.hear_request(id),
            Stage::Viewing { domid, mute, .. } => {
                let room = self.console.input_room(*domid).min(KEYS_AT_ONCE);
                match read_some(&client.stream, room)? {
                    Some(keys) => drop(self.console.input(*domid, &keys)),
                    None => *mute = true,
                }
                Ok(())
            }
            Stage::Reading(_) | Stage::Ending => Ok(()),
        }
    }
}

/// Lets a client see what it is owed, its reply being out.
fn show_client(console: &mut Console<SocketTransport>, client: &mut Client) -> io::Result<Fate> {
    match &mut client.stage {
        Stage::Asking(_) => Ok(Fate::Stays),
        Stage::Reading(_) => client.send_log(),
        Stage::Ending => Ok(Fate::Goes),
        Stage::Viewing { viewer, full, .. } => {
            let view = pump(console, *viewer, &client.stream)?;
            *full = view == View::Full;
            Ok(if view == View::Ended { Fate::Goes } else { Fate::Stays })
        }
    }
}

fn pump(console: &mut Console<SocketTransport>, viewer: ViewerId, mut stream: &UnixStream) -> io::Result<View> {
    use std::io::Write;
    console.pump(viewer, |bytes| stream.write(bytes))
}
