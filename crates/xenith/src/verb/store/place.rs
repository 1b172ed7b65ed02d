//! Which store is meant, and what its refusals mean to whoever typed the command.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use xen_store::client::{self, Client, ClientError, Connection, OpenError};
use xen_store::path::StorePath;
use xen_store::wire::{MsgType, XsError};
use xenith_api::latest::{Code, Problem};

/// The store.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The store's socket, or a kernel's device [default: $XENSTORED_PATH, or the first of /run/xenstored/socket and /dev/xen/xenbus]
    #[arg(long, value_name = "PATH", display_order = 90)]
    socket: Option<PathBuf>,
    /// How long the store may take for an answer, and to come back
    #[arg(long, value_name = "SECONDS", display_order = 91, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Means nothing; the xenstore-* tools take it too
    #[arg(short = 's', hide = true)]
    _socket_only: bool,
}

/// Between two attempts to find a store that went away.
const RETRY: Duration = Duration::from_millis(100);

/// A connection to it.
pub type Store = Client<Connection>;

impl Place {
    /// Connects.
    pub fn connect(&self) -> Result<Store, Problem> {
        self.connect_for(Duration::ZERO)
    }

    /// Connects for an answer that may take that much longer.
    pub fn connect_for(&self, longer: Duration) -> Result<Store, Problem> {
        client::open(self.socket.as_deref(), self.patience().saturating_add(longer)).map_err(|error| unreachable(&error))
    }

    /// Connects to a store that went away, as soon as it is back.
    pub fn connect_again(&self) -> Result<Store, Problem> {
        let lost = Instant::now();
        loop {
            match self.connect() {
                Err(_) if lost.elapsed() < self.patience() => thread::sleep(RETRY),
                settled => return settled,
            }
        }
    }

    /// How long the store may take for an answer, and to come back.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// Whether the connection ended: the store was restarted, or ended, and another one may be there soon.
pub fn is_gone(error: &ClientError) -> bool {
    matches!(error, ClientError::Closed | ClientError::Io(_))
}

fn unreachable(error: &OpenError) -> Problem {
    let advice = match error.source.kind() {
        ErrorKind::PermissionDenied => "run it as root",
        ErrorKind::InvalidInput => "name a store's socket with --socket",
        _ => "start it with `xenith all`, or name its socket with --socket",
    };
    Problem::new(Code::StoreUnreachable, "store", error.to_string(), advice)
}

/// The path as it was typed.
pub fn path(text: &str) -> Result<StorePath, Problem> {
    let wrong = |error| wrong_usage(text, format!("{text:?} is no path of the store: {error}"), "write it like /local/domain/0/name");
    StorePath::as_sent(text).map_err(wrong)
}

/// The paths as they were typed.
pub fn paths(texts: &[String]) -> Result<Vec<StorePath>, Problem> {
    texts.iter().map(|text| path(text)).collect()
}

/// Words that make no sense.
pub fn wrong_usage(subject: &str, what: impl Into<String>, advice: &str) -> Problem {
    Problem::new(Code::BadRequest, subject, what, advice)
}

/// What the store's answer means.
pub fn problem(error: &ClientError) -> Problem {
    match error {
        ClientError::Refused { request, subject, error } => refused(request, subject, *error),
        ClientError::Conflict { .. } => Problem::new(Code::StoreRefused, "store", error.to_string(), "try again"),
        ClientError::TooLong(_) => wrong_usage("store", error.to_string(), "a path and its value together may have 4095 bytes"),
        other => {
            Problem::new(Code::StoreUnreachable, "store", other.to_string(), "see that `xenith store` runs, and that this is its socket")
        }
    }
}

fn refused(request: &str, subject: &str, error: XsError) -> Problem {
    let (meaning, advice) = match error {
        XsError::Invalid if request == MsgType::Control.name() => {
            ("the store does not know the command", "see `xenith store control help`")
        }
        XsError::NoEntry if request == MsgType::SetPerms.name() => {
            ("there is no such node, or no domain that a PERM names", "look with `xenith store ls` and `xenith list`")
        }
        XsError::NoEntry => ("there is no such node", "look what there is with `xenith store ls`"),
        XsError::Access | XsError::NotPermitted => ("not permitted", "see who may with `xenith store perms`, or ask from dom0"),
        XsError::Invalid => ("the store does not take it", "see the command's --help for what it takes"),
        XsError::NoSpace | XsError::NoMemory => ("a quota is used up", "see it with `xenith store control quota`"),
        XsError::TooBig => ("too much for one message, or too many watches", "see the quotas with `xenith store control quota`"),
        XsError::NoSystem => ("this store does not know the request", "it needs a newer store"),
        XsError::Exists => ("it stands already", "once is enough"),
        XsError::Again | XsError::Busy => ("others were quicker", "try again"),
        _ => ("the store failed", "see the store's log"),
    };
    let title = format!("{subject}: {request}: {meaning} ({error})");
    Problem::new(Code::StoreRefused, subject, title, advice)
}
