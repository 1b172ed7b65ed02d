//! A client of the event log that remembers where it was: in the file that it writes.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use xenith_api::client::{Client, Unix};
use xenith_api::latest::Event;

/// Between two tries to reach a daemon that is not there.
const AGAIN: Duration = Duration::from_millis(5);
/// How long a daemon may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Writes a line for each event until it is killed, over every end of the daemon.
pub fn follow(socket: &Path, file: &Path) -> Result<()> {
    let client = Client::new(Unix::new(socket, SILENCE));
    let mut since = last(file)?;
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    loop {
        if let Ok(events) = client.events(since, true) {
            for event in events.map_while(Result::ok) {
                since = event.seq;
                note(&mut file, &event)?;
            }
        }
        thread::sleep(AGAIN);
    }
}

fn note(file: &mut File, event: &Event) -> Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    Ok(file.write_all(&line)?)
}

/// The number of the last event that stands there whole; what a kill cut short goes, at once, so that another kill finds all the rest.
fn last(file: &Path) -> Result<u64> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        text => text?,
    };
    let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
    OpenOptions::new().write(true).open(file)?.set_len(whole.len() as u64)?;
    whole.lines().last().map_or(Ok(0), |line| Ok(serde_json::from_str::<Event>(line)?.seq))
}
