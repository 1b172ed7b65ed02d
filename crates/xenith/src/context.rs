//! What a verb or role is told by the options that all of them take.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use xenith_api::client::{Client, Destination, Ssh, Unix, Way};
use xenith_api::latest::{Code, Problem};

use crate::args::{Global, RUN_DIR};

/// Places and manners.
#[derive(Clone, Debug)]
pub struct Context {
    /// The machine that is meant, where it is another one.
    pub host: Option<Destination>,
    /// The API's socket, on that machine.
    pub socket: PathBuf,
    /// Answers and problems as JSON.
    pub json: bool,
    /// Sockets, locks, journal.
    pub run_dir: PathBuf,
}

/// How long the daemon may think about a request that it answers at once.
pub const SILENCE: Duration = Duration::from_secs(30);
/// What the API's socket is called.
const SOCKET: &str = "api.sock";

impl Context {
    /// From the options.
    pub fn new(global: &Global) -> Context {
        Context {
            host: global.host.clone(),
            socket: global.socket.clone().unwrap_or_else(|| global.run_dir.join(SOCKET)),
            json: global.json,
            run_dir: global.run_dir.clone(),
        }
    }

    /// The daemon.
    pub fn client(&self) -> Client<Way> {
        self.patient_client(Duration::ZERO)
    }

    /// The daemon, for a request that may take that much longer than the others.
    pub fn patient_client(&self, longer: Duration) -> Client<Way> {
        let silence = SILENCE.saturating_add(longer);
        Client::new(match &self.host {
            None => Unix::new(&self.socket, silence).into(),
            Some(host) => self.over_ssh(host, silence).into(),
        })
    }

    /// The daemon, for who would rather have no answer than wait: so long here, or so long where ssh comes before it.
    pub fn hasty_client(&self, here: Duration, there: Duration) -> Client<Way> {
        Client::new(match &self.host {
            None => Unix::new(&self.socket, here).into(),
            Some(host) => self.over_ssh(host, there).in_passing().into(),
        })
    }

    fn over_ssh(&self, host: &Destination, silence: Duration) -> Ssh {
        let usual = self.socket == Path::new(RUN_DIR).join(SOCKET);
        Ssh::new(host.clone(), (!usual).then(|| self.socket.clone()), silence)
    }

    /// Prints the answer: JSON on one line, or as text.
    pub fn answer<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Problem> {
        if !self.json {
            return print(text(value).as_bytes());
        }
        print(&json_line(value)?)
    }

    /// What a verb that has nothing to show answers: nothing, or what it did as JSON.
    pub fn done(&self, name: &str, done: &str) -> Result<(), Problem> {
        self.answer(&serde_json::json!({ "id": name, "done": done }), |_| String::new())
    }
}

/// JSON on one line.
pub fn json_line<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    let mut line = serde_json::to_vec(value).map_err(|e| Problem::new(Code::Internal, "output", e.to_string(), "report this"))?;
    line.push(b'\n');
    Ok(line)
}

/// Writes to standard output. A reader that went away, like `head`, has seen enough.
pub fn print(bytes: &[u8]) -> Result<(), Problem> {
    goes_on(bytes).map(drop)
}

/// Writes to standard output; `false` where the reader went away: whoever would print for ever may end.
pub fn goes_on(bytes: &[u8]) -> Result<bool, Problem> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => {
            Err(Problem::new(Code::Internal, "output", format!("cannot write to standard output: {error}"), "look at where it goes"))
        }
    }
}
