//! Towards the console role: one line of JSON each way on its socket, then bytes (see `xenith-console`, `serve/protocol`).

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xen_abi::DomId;
use xenith_api::latest::{Code, Problem};

use super::{Control, Mode};
use crate::problem;

/// Whose console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ConsoleTarget {
    /// A domain that is there.
    Domid(u16),
    /// A domain that may be gone, by its name: for logs.
    Name(String),
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Ask<'a> {
    Attach(u16),
    Log(&'a ConsoleTarget),
    Settle(u16),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Ok {
        #[serde(default)]
        bytes: u64,
    },
    Error {
        code: String,
        message: String,
    },
}

/// The longest reply line, in bytes.
const REPLY_MAX: usize = 4096;
/// How long the role may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long a domain's end is held up for its last words.
const SETTLE_WITHIN: Duration = Duration::from_secs(1);
/// The longest log that is told, in bytes: above what the console role keeps of a domain.
const LOG_MAX: u64 = 64 << 20;

impl Control {
    /// A connection to a domain's console: bytes both ways, the past first.
    pub fn attach_console(&self, id: &str) -> Result<UnixStream, Problem> {
        let ConsoleTarget::Domid(domid) = self.console_target(id)? else { return Err(problem::not_found(id)) };
        let (stream, _) = self.ask_console(id, &Ask::Attach(domid), ANSWER_WITHIN)?;
        Ok(stream)
    }

    /// A domain's log, oldest byte first; of a domain that is gone by its name.
    pub fn console_log(&self, id: &str) -> Result<Vec<u8>, Problem> {
        let target = match self.console_target(id) {
            Err(missing) if missing.code == Code::DomainNotFound => ConsoleTarget::Name(id.to_owned()),
            target => target?,
        };
        let (stream, bytes) = self.ask_console(id, &Ask::Log(&target), ANSWER_WITHIN)?;
        let mut log = Vec::new();
        stream.take(bytes.min(LOG_MAX)).read_to_end(&mut log).map_err(|error| self.unreachable(&error))?;
        Ok(log)
    }

    /// Takes what a domain has said into its log before the domain goes. A console role that does not answer keeps nobody from destroying.
    pub(super) fn settle_console(&self, domid: DomId) {
        if let Err(problem) = self.ask_console(&domid.to_string(), &Ask::Settle(domid.0), SETTLE_WITHIN) {
            tracing::debug!("{domid} console: {problem}");
        }
    }

    fn console_target(&self, id: &str) -> Result<ConsoleTarget, Problem> {
        match &self.mode {
            Mode::Full(engine) => Ok(ConsoleTarget::Domid(self.find(engine, id)?.domid().0)),
            Mode::Limited(limited) => Ok(ConsoleTarget::Domid(limited.get(id)?.domid)),
        }
    }

    /// Asks, and gives the connection behind the answer's line with how many bytes it announces.
    fn ask_console(&self, id: &str, ask: &Ask<'_>, within: Duration) -> Result<(UnixStream, u64), Problem> {
        let exchange = || -> io::Result<(UnixStream, Answer)> {
            let mut stream = UnixStream::connect(&self.console_socket)?;
            stream.set_read_timeout(Some(within))?;
            stream.set_write_timeout(Some(within))?;
            let mut line = serde_json::to_vec(ask)?;
            line.push(b'\n');
            stream.write_all(&line)?;
            let answer = serde_json::from_slice(&read_line(&mut stream)?)?;
            Ok((stream, answer))
        };
        match exchange().map_err(|error| self.unreachable(&error))? {
            (stream, Answer::Ok { bytes }) => Ok((stream, bytes)),
            (_, Answer::Error { code, message }) => Err(refused(id, &code, &message)),
        }
    }

    fn unreachable(&self, error: &io::Error) -> Problem {
        let subject = self.console_socket.display().to_string();
        let title = format!("{subject}: the console role does not answer: {error}");
        Problem::new(Code::ConsoleUnreachable, subject, title, "see that `xenith console` runs")
    }
}

/// Byte by byte: what follows the line is not ours to read here.
fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < REPLY_MAX {
        stream.read_exact(&mut byte)?;
        if byte == *b"\n" {
            return Ok(line);
        }
        line.extend_from_slice(&byte);
    }
    Err(io::ErrorKind::InvalidData.into())
}

fn refused(id: &str, code: &str, message: &str) -> Problem {
    let subject = format!("domain {}", xenith_api::latest::problem::shorten(id));
    let title = format!("{subject}: {message}");
    match code {
        "no_log" => Problem::new(Code::DomainNotFound, subject, title, "list the domains"),
        "no_console" => Problem::new(Code::NoConsole, subject, title, "see the console role's log"),
        _ => problem::internal(&subject, title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_what_the_console_role_reads() {
        let line = |ask: &Ask<'_>| serde_json::to_string(ask).expect("a line");
        assert_eq!(line(&Ask::Attach(5)), r#"{"attach":5}"#);
        assert_eq!(line(&Ask::Log(&ConsoleTarget::Domid(5))), r#"{"log":5}"#);
        assert_eq!(line(&Ask::Log(&ConsoleTarget::Name("web".to_owned()))), r#"{"log":"web"}"#);
        assert_eq!(line(&Ask::Settle(5)), r#"{"settle":5}"#);
    }

    #[test]
    fn what_it_answers_is_understood() {
        let answer = |line: &str| serde_json::from_str::<Answer>(line).expect("an answer");
        assert!(matches!(answer(r#"{"ok":{"domid":5,"log":"web"}}"#), Answer::Ok { bytes: 0 }));
        assert!(matches!(answer(r#"{"ok":{"log":"web","bytes":1234}}"#), Answer::Ok { bytes: 1234 }));
        assert!(matches!(answer(r#"{"error":{"code":"no_log","message":"no log x"}}"#), Answer::Error { .. }));
    }
}
