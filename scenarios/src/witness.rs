//! A guest and a client of dom0 that talk through the store, word by word, while the stores below them come and go:
//!
//! ```text
//!   dom0: write data/ping n --its watch--> guest: n follows the last one; write data/own n --its own watch--> write data/pong n
//!     ^------------------------------------- the watch on data/pong ------------------------------------------------'
//! ```
//!
//! A lost request, reply or event stops both, and the one in dom0 says so. A client whose store ended connects again and repeats its last word,
//! as any client must; the guest knows a repeated word from a new one, and one that was left out from both.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use xen_abi::DomId;
use xen_store::client::{self, Client, ClientError, Connection, Requests};
use xen_store::path::{self, StorePath};

/// What a guest speaks through.
const XENBUS: &str = "/dev/xen/xenbus";
/// What the one in dom0 speaks through: a socket, so that it depends on no kernel.
const SOCKET: &str = "/run/xenstored/socket";
/// While this is there the two go on.
const GO_ON: &str = "/run/witness";
/// How long a word may take. A stock store that is being replaced is silent for a while.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between words, so that others get a turn.
const PAUSE: Duration = Duration::from_millis(5);

/// The nodes of the conversation.
struct Words {
    ping: StorePath,
    own: StorePath,
    pong: StorePath,
    wrong: StorePath,
}

impl Words {
    fn of(domid: DomId) -> Words {
        let data = path::domain(domid).data();
        Words { ping: data.child("ping"), own: data.child("own"), pong: data.child("pong"), wrong: data.child("wrong") }
    }
}

/// The guest's part: for ever.
///
/// # Errors
/// When a word was left out or a reply did not come; also written to `data/wrong`.
pub fn guest() -> Result<()> {
    let mut store = client::open(Some(Path::new(XENBUS)), PATIENCE)?;
    let domid = store.read_text(&StorePath::as_sent("domid")?)?.context("no domid")?;
    let words = Words::of(DomId(domid.parse()?));
    let ended = answer(&mut store, &words);
    if let Err(error) = &ended {
        store.write(&words.wrong, format!("{error:#}"))?;
    }
    ended
}

fn answer(store: &mut Client<Connection>, words: &Words) -> Result<()> {
    store.write(&words.own, "0")?;
    store.watch(&words.own, "own")?;
    heard(store, "own", PATIENCE)?;
    store.watch(&words.ping, "ping")?;
    let mut last = 0;
    loop {
        let ping = match store.wait_event(None)? {
            Some(event) if event.token == "ping" => number(store, &words.ping)?,
            _ => continue,
        };
        ensure!(ping == last || ping == last + 1, "{ping} came after {last}");
        if ping == last + 1 {
            store.write(&words.own, ping.to_string())?;
            heard(store, "own", PATIENCE).with_context(|| format!("own word {ping}"))?;
            last = ping;
        }
        // The watch fires at once when it is registered, before there is a word.
        if last > 0 {
            store.write(&words.pong, last.to_string())?;
        }
    }
}

/// The part of the one in dom0: until nobody wants it any more. Gives what it counted, in words.
///
/// # Errors
/// When a word was not answered.
pub fn dom0(domid: u16) -> Result<String> {
    let words = Words::of(DomId(domid));
    let (mut said, mut connected) = (0u64, 0u32);
    while Path::new(GO_ON).exists() {
        match ask(&words, &mut said, &mut connected) {
            Err(error) if ended(&error) => {}
            other => other?,
        }
    }
    Ok(format!("{said} words answered, connected {connected} times"))
}

/// Whether the store went away under its client.
fn ended(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ClientError::Closed | ClientError::Io(_)))
}

/// Speaks on one connection. It counts once it was served: the socket of a process that is just ending still takes connections.
fn ask(words: &Words, said: &mut u64, connected: &mut u32) -> Result<()> {
    let mut store = connect()?;
    store.watch(&words.pong, "pong")?;
    *connected += 1;
    while Path::new(GO_ON).exists() {
        let word = *said + 1;
        store.write(&words.ping, word.to_string())?;
        while number(&mut store, &words.pong)? != word {
            if let Err(error) = heard(&mut store, "pong", PATIENCE) {
                let wrong = store.read_text(&words.wrong)?.unwrap_or_default();
                return Err(error.context(format!("word {word} was not answered; the guest says: {wrong}")));
            }
        }
        *said = word;
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Waits for a store that is starting.
fn connect() -> Result<Client<Connection>> {
    let began = Instant::now();
    loop {
        match client::open(Some(Path::new(SOCKET)), PATIENCE) {
            Err(_) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(100)),
            other => return Ok(other?),
        }
    }
}

fn heard(store: &mut Client<Connection>, token: &str, patience: Duration) -> Result<()> {
    loop {
        match store.wait_event(Some(patience))? {
            Some(event) if event.token == token => return Ok(()),
            Some(_) => {}
            None => bail!("no event of {token} for {} s", patience.as_secs()),
        }
    }
}

/// A node's number, 0 where it is not there yet.
fn number(store: &mut Client<Connection>, node: &StorePath) -> Result<u64> {
    let text = store.read_text(node)?.unwrap_or_default();
    if text.is_empty() { Ok(0) } else { text.parse().with_context(|| format!("{}: {text}", node.as_str())) }
}
