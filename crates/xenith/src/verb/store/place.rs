//! Which store is meant, and what its refusals mean to whoever typed the command.

use std::path::PathBuf;
use std::time::Duration;

use xen_store::client::{self, Client, ClientError, Connection, OpenError};
use xen_store::path::StorePath;
use xenith_api::latest::{Code, Problem};

/// The store.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The store's socket, or a kernel's device [default: $XENSTORED_PATH, or the first of /run/xenstored/socket and /dev/xen/xenbus]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// How long the store may take for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

/// A connection to it.
pub type Store = Client<Connection>;

impl Place {
    /// Connects.
    pub fn connect(&self) -> Result<Store, Problem> {
        client::open(self.socket.as_deref(), Duration::from_secs(self.timeout)).map_err(|error| unreachable(&error))
    }
}

fn unreachable(error: &OpenError) -> Problem {
    let advice = match error.source.kind() {
        std::io::ErrorKind::PermissionDenied => "run it as root",
        _ => "start it with `xenith all`, or name its socket with --socket",
    };
    Problem::new(Code::StoreUnreachable, "store", error.to_string(), advice)
}

/// The path as it was typed.
pub fn path(text: &str) -> Result<StorePath, Problem> {
    let wrong =
        |error| Problem::new(Code::BadRequest, text, format!("{text:?} is no path of the store: {error}"), "write it like /local/domain/0");
    StorePath::parse(text).map_err(wrong)
}

/// What the store's answer means.
pub fn problem(error: &ClientError) -> Problem {
    match error {
        ClientError::Refused { subject, .. } => Problem::new(Code::StoreRefused, subject, error.to_string(), "look with `xenith store ls`"),
        ClientError::Conflict { .. } => Problem::new(Code::StoreRefused, "store", error.to_string(), "try again"),
        other => Problem::new(Code::StoreUnreachable, "store", other.to_string(), "see that `xenith store` runs"),
    }
}
