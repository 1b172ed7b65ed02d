//! What is said on the console socket: one line of JSON each way, then bytes.
//!
//! ```text
//!   {"attach": 5}                       {"ok": {"domid": 5, "log": "web"}}    then the last 64 KiB and what the console says, until the domain is
//!   {"attach": 5, "replay": false}      the same without the past             gone; what is sent goes to the domain as keys. Closing detaches.
//!   {"log": 5}   {"log": "web"}         {"ok": {"log": "web", "bytes": 1234}} then so many bytes of the log, oldest first, and the end. By
//!                                                                             name also for a domain that is gone.
//!   {"settle": 5}                       {"ok": {"domid": 5}}                  once all that the domain has said so far is in its log; for a
//!                                                                             toolstack about to destroy it.
//!   anything else                       {"error": {"code": "...", "message": "..."}} and the end
//! ```
//!
//! A viewer that does not read falls behind by at most the replay's length; then bytes are skipped and a line in the stream says how many. Whoever
//! can open the socket can type on every console: it is root's alone, and the control role decides who else may.

use serde::{Deserialize, Serialize};
use xen_abi::DomId;

/// The longest request, in bytes, its line feed included.
pub const REQUEST_MAX: usize = 4096;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Look at a console and type on it.
    Attach {
        /// Whose.
        domid: DomId,
        /// Whether the past comes first.
        replay: bool,
    },
    /// Read a log.
    Log(LogOf),
    /// Take everything that a domain has said into its log.
    Settle(DomId),
}

/// Whose log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum LogOf {
    /// That of a domain whose console is served.
    Domid(u16),
    /// That of this name, its domain there or gone.
    Name(String),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The line is no request.
    #[error("not a request: {0}")]
    BadRequest(String),
    /// No console of that domain is served.
    #[error("{0} has no console that is served here")]
    NoConsole(DomId),
    /// There is no such log.
    #[error("no log {0}")]
    NoLog(String),
}

impl Refusal {
    fn code(&self) -> &'static str {
        match self {
            Refusal::BadRequest(_) => "bad_request",
            Refusal::NoConsole(_) => "no_console",
            Refusal::NoLog(_) => "no_log",
        }
    }
}

/// What goes before the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// Whose console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domid: Option<u16>,
    /// The name of its log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// How many bytes follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    attach: Option<u16>,
    replay: Option<bool>,
    log: Option<LogOf>,
    settle: Option<u16>,
}

impl Request {
    /// Reads a line, without its line feed.
    pub fn parse(line: &[u8]) -> Result<Request, Refusal> {
        let line: Line = serde_json::from_slice(line).map_err(|error| Refusal::BadRequest(error.to_string()))?;
        match line {
            Line { attach: Some(domid), replay, log: None, settle: None } => {
                Ok(Request::Attach { domid: DomId(domid), replay: replay.unwrap_or(true) })
            }
            Line { attach: None, replay: None, log: Some(log), settle: None } => Ok(Request::Log(log)),
            Line { attach: None, replay: None, log: None, settle: Some(domid) } => Ok(Request::Settle(DomId(domid))),
            _ => Err(Refusal::BadRequest("one of attach, log and settle is wanted, and replay only with attach".to_owned())),
        }
    }
}

/// The line that answers a request, with its line feed.
#[must_use]
pub fn reply(answer: Result<Granted, &Refusal>) -> Vec<u8> {
    let json = match answer {
        Ok(granted) => serde_json::json!({ "ok": granted }),
        Err(refusal) => serde_json::json!({ "error": { "code": refusal.code(), "message": refusal.to_string() } }),
    };
    let mut line = json.to_string().into_bytes();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_they_say() {
        let cases: [(&str, Result<Request, &str>); 10] = [
            (r#"{"attach": 5}"#, Ok(Request::Attach { domid: DomId(5), replay: true })),
            (r#"{"attach": 5, "replay": false}"#, Ok(Request::Attach { domid: DomId(5), replay: false })),
            (r#"{"log": 5}"#, Ok(Request::Log(LogOf::Domid(5)))),
            (r#"{"log": "web"}"#, Ok(Request::Log(LogOf::Name("web".to_owned())))),
            (r#"{"settle": 7}"#, Ok(Request::Settle(DomId(7)))),
            (r#"{"attach": 5, "log": 5}"#, Err("one of attach")),
            (r#"{"log": 5, "replay": true}"#, Err("replay only with attach")),
            ("{}", Err("one of attach")),
            (r#"{"attach": 70000}"#, Err("70000")),
            (r#"{"atach": 5}"#, Err("unknown field `atach`")),
        ];
        for (line, expected) in cases {
            match (Request::parse(line.as_bytes()), expected) {
                (Ok(request), Ok(expected)) => assert_eq!(request, expected, "{line}"),
                (Err(refusal), Err(part)) => assert!(refusal.to_string().contains(part), "{line}: {refusal}"),
                (request, _) => panic!("{line}: {request:?}"),
            }
        }
        assert!(Request::parse(b"\xff\xfe").is_err());
    }

    #[test]
    fn replies_are_lines() {
        let granted = Granted { domid: Some(5), log: Some("web".to_owned()), bytes: None };
        assert_eq!(reply(Ok(granted)), b"{\"ok\":{\"domid\":5,\"log\":\"web\"}}\n");
        let refused = reply(Err(&Refusal::NoConsole(DomId(9))));
        assert_eq!(refused, b"{\"error\":{\"code\":\"no_console\",\"message\":\"d9 has no console that is served here\"}}\n");
    }
}
