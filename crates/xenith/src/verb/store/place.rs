//! Which store is meant, and what its refusals mean to whoever typed the command.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use xen_store::client::{Client, ClientError, SocketTransport};
use xen_store::path::StorePath;
use xenith_api::latest::{Code, Problem};

/// The store.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The store's socket [default: $XENSTORED_PATH, or /run/xenstored/socket]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// A connection to it.
pub type Store = Client<SocketTransport>;

impl Place {
    /// Connects.
    pub fn connect(&self) -> Result<Store, Problem> {
        let named = self.socket.clone().or_else(|| std::env::var_os("XENSTORED_PATH").map(PathBuf::from));
        let socket = named.unwrap_or_else(|| PathBuf::from("/run/xenstored/socket"));
        let stream = UnixStream::connect(&socket).map_err(|error| unreachable(&socket, &error))?;
        Ok(Client::new(SocketTransport::new(stream)))
    }
}

fn unreachable(socket: &Path, error: &std::io::Error) -> Problem {
    let title = format!("no store answers on {}: {error}", socket.display());
    Problem::new(Code::StoreUnreachable, "store", title, "start it with `xenith all`, or name its socket with --socket")
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
