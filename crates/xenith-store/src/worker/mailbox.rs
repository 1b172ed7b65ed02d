//! What system calls on sockets leave behind in the state image's file, so that a kill between a call and the next commit loses no byte and
//! sends none twice.
//!
//! ```text
//!   offset       what                                            a place: | number, 8 | connection, 8 | header of the call, 80 |
//!        0       15 places of receives, 128 bytes each
//!     2048       46 places of sends, 128 bytes each
//!     8192       15 buffers of 16 KiB, one for each receive
//!
//!   receive n -> place n mod 15: count 0, connection, n, the call, whose last act is the count -> core -> commit says that n is accounted for
//!   after a kill: every place with a number above the commit's and a count above 0 is something that happened and is not accounted for
//! ```

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;

use xen_hv::{MAIL_COUNT, SocketMail};
use xen_store::server::{ConnId, Mail};

/// Bytes that one receive takes.
pub(super) const CHUNK: usize = 16 * 1024;
const RECEIVES: u64 = 15;
const SENDS: u64 = 46;
const PLACE: usize = 128;
/// Where in a place the connection is.
const CONN: usize = 8;
/// Where the header is.
const HEADER: usize = 16;
const SEND_PLACES: usize = 2048;
const BUFFERS: usize = 8192;

const _: () = assert!(SEND_PLACES + SENDS as usize * PLACE <= BUFFERS && RECEIVES as usize * PLACE <= SEND_PLACES);
const _: () = assert!(BUFFERS + RECEIVES as usize * CHUNK <= xen_store::image::MAILBOX.end - xen_store::image::MAILBOX.start);
const _: () = assert!(HEADER + xen_hv::MAIL_HEADER <= PLACE);

/// What happened and no commit accounts for, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LeftBehind {
    pub received: Vec<(ConnId, Vec<u8>)>,
    pub sent: Vec<(ConnId, usize)>,
}

/// The mailbox of one image.
pub(super) struct Mailbox {
    memory: Box<dyn SocketMail>,
    /// What happened.
    now: Mail,
    /// What is accounted for.
    committed: Mail,
    buffer: Vec<u8>,
}

impl Mailbox {
    /// Over the image's [`xen_store::image::MAILBOX`], whose last commit says `committed`. Gives what was left behind.
    pub fn open(memory: Box<dyn SocketMail>, committed: Mail) -> io::Result<(Mailbox, LeftBehind)> {
        let mut mailbox = Mailbox { memory, now: committed, committed, buffer: vec![0; CHUNK] };
        let mut left = LeftBehind::default();
        for number in committed.received + 1..=committed.received + RECEIVES {
            if let Some((conn, count)) = mailbox.happened(receive_place(number), number)? {
                let mut bytes = vec![0; count.min(CHUNK)];
                mailbox.memory.read(buffer(number).start, &mut bytes)?;
                left.received.push((conn, bytes));
                mailbox.now.received = number;
            }
        }
        for number in committed.sent + 1..=committed.sent + SENDS {
            if let Some((conn, count)) = mailbox.happened(send_place(number), number)? {
                left.sent.push((conn, count));
                mailbox.now.sent = number;
            }
        }
        Ok((mailbox, left))
    }

    fn happened(&self, place: usize, number: u64) -> io::Result<Option<(ConnId, usize)>> {
        let count = self.memory.load_u32(place + HEADER + MAIL_COUNT)?;
        let mut words = [[0; 8]; 2];
        self.memory.read(place, words.as_flattened_mut())?;
        let [found, conn] = words.map(u64::from_le_bytes);
        Ok((found == number && count > 0).then_some((ConnId(conn), count as usize)))
    }

    /// What the next commit accounts for.
    pub fn mail(&self) -> Mail {
        self.now
    }

    /// Everything so far is accounted for.
    pub fn committed(&mut self) {
        self.committed = self.now;
    }

    /// Whether a receive can be noted before the next commit.
    pub fn may_receive(&self) -> bool {
        self.now.received - self.committed.received < RECEIVES
    }

    /// Whether a send can.
    pub fn may_send(&self) -> bool {
        self.now.sent - self.committed.sent < SENDS
    }

    /// Receives up to `room` bytes, [`CHUNK`] at most; none at the end of the stream.
    pub fn receive(&mut self, conn: ConnId, socket: BorrowedFd<'_>, room: usize) -> io::Result<&[u8]> {
        let number = self.now.received + 1;
        let Range { start, end } = buffer(number);
        self.begin(receive_place(number), number, conn)?;
        let count = self.memory.receive(socket, receive_place(number) + HEADER, start..end.min(start + room))?;
        if count == 0 {
            return Ok(&[]);
        }
        self.now.received = number;
        let bytes = self.buffer.get_mut(..count).unwrap_or_default();
        self.memory.read(start, bytes)?;
        Ok(bytes)
    }

    /// Sends as much as the socket takes; gives how much.
    pub fn send(&mut self, conn: ConnId, socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
        let number = self.now.sent + 1;
        self.begin(send_place(number), number, conn)?;
        let count = self.memory.send(socket, send_place(number) + HEADER, bytes)?;
        self.now.sent = number;
        Ok(count)
    }

    /// Names the place: its count is 0 before anything else of it changes.
    fn begin(&self, place: usize, number: u64, conn: ConnId) -> io::Result<()> {
        self.memory.store_u32(place + HEADER + MAIL_COUNT, 0)?;
        self.memory.write(place + CONN, &conn.0.to_le_bytes())?;
        self.memory.write(place, &number.to_le_bytes())
    }
}

fn place(number: u64, places: u64) -> usize {
    usize::try_from(number % places).unwrap_or_default() * PLACE
}

fn receive_place(number: u64) -> usize {
    place(number, RECEIVES)
}

fn send_place(number: u64) -> usize {
    SEND_PLACES + place(number, SENDS)
}

fn buffer(number: u64) -> Range<usize> {
    let start = BUFFERS + usize::try_from(number % RECEIVES).unwrap_or_default() * CHUNK;
    start..start + CHUNK
}
