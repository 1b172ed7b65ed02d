//! A client that says the protocol's bytes itself, with one system call for each request and one for each reply.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Numbers of requests (xen/include/public/io/xs_wire.h).
pub const CONTROL: u32 = 0;
pub const READ: u32 = 2;
pub const WATCH: u32 = 4;
pub const TRANSACTION_START: u32 = 6;
pub const TRANSACTION_END: u32 = 7;
pub const WRITE: u32 = 11;
const EVENT: u32 = 15;
pub const ERROR: u32 = 16;

const HEADER: usize = 16;
/// A store that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a store.
pub struct Client {
    socket: UnixStream,
    buffer: Vec<u8>,
}

/// A request's bytes.
pub fn request(kind: u32, transaction: u32, payload: &[u8]) -> Vec<u8> {
    let words = [kind, 1, transaction, payload.len() as u32];
    words.iter().flat_map(|word| word.to_le_bytes()).chain(payload.iter().copied()).collect()
}

impl Client {
    pub fn connect(socket: &Path) -> Result<Self> {
        let socket = UnixStream::connect(socket).with_context(|| format!("connect to {}", socket.display()))?;
        socket.set_read_timeout(Some(PATIENCE)).context("set a timeout")?;
        Ok(Self { socket, buffer: Vec::with_capacity(65_536) })
    }

    /// Sends bytes of requests and waits for as many replies; gives the last one's type and payload. Events are passed over.
    pub fn exchange(&mut self, bytes: &[u8], replies: usize) -> Result<(u32, Vec<u8>)> {
        self.socket.write_all(bytes).context("send")?;
        let mut last = (ERROR, Vec::new());
        for _ in 0..replies {
            last = self.reply()?;
        }
        Ok(last)
    }

    /// One request and its reply's payload.
    pub fn ask(&mut self, kind: u32, transaction: u32, payload: &[u8]) -> Result<Vec<u8>> {
        let (said, payload) = self.exchange(&request(kind, transaction, payload), 1)?;
        ensure!(said == kind, "request {kind}: {}", String::from_utf8_lossy(&payload));
        Ok(payload)
    }

    fn reply(&mut self) -> Result<(u32, Vec<u8>)> {
        loop {
            if let Some(message) = self.take() {
                if message.0 != EVENT {
                    return Ok(message);
                }
                continue;
            }
            let mut bytes = [0; 65_536];
            let count = self.socket.read(&mut bytes).context("receive")?;
            ensure!(count > 0, "the store ended the conversation");
            self.buffer.extend_from_slice(bytes.get(..count).unwrap_or_default());
        }
    }

    fn take(&mut self) -> Option<(u32, Vec<u8>)> {
        let word = |at: usize| Some(u32::from_le_bytes(self.buffer.get(at..at + 4)?.try_into().ok()?));
        let (kind, end) = (word(0)?, HEADER + word(12)? as usize);
        let payload = self.buffer.get(HEADER..end)?.to_vec();
        self.buffer.drain(..end);
        Some((kind, payload))
    }
}
