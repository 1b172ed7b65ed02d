//! Why a client's call failed.

use std::io;

use super::Request;
use crate::wire::{PayloadTooLong, XsError};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The store said no.
    #[error("xenstore {request} {subject}: {error}")]
    Refused {
        /// Name of the request.
        request: &'static str,
        /// The path or domid that was asked about.
        subject: String,
        /// What the store said.
        error: XsError,
    },
    /// A transaction met others every time it was tried.
    #[error("xenstore transaction met others {tries} times and was given up")]
    Conflict {
        /// How often it was tried.
        tries: u32,
    },
    /// The store closed the connection.
    #[error("xenstore closed the connection")]
    Closed,
    /// The store did not answer. The connection is of no use any more: an answer may still come, and nobody could tell to what.
    #[error("xenstore did not answer for {seconds} s")]
    TimedOut {
        /// How long the client waited.
        seconds: u64,
    },
    /// More events came than were read, and some were dropped: look at everything that is watched.
    #[error("xenstore watch events were lost; read what is watched again")]
    EventsLost,
    /// The peer does not speak the protocol.
    #[error("xenstore sent {0}")]
    Protocol(&'static str),
    /// A request over the protocol's limit. It was not sent.
    #[error("xenstore request: {0}")]
    TooLong(#[from] PayloadTooLong),
    /// The transport failed.
    #[error("xenstore connection: {0}")]
    Io(#[from] io::Error),
}

impl ClientError {
    /// The store refused this request.
    #[must_use]
    pub fn refused(request: &Request, error: XsError) -> ClientError {
        ClientError::Refused { request: request.kind().name(), subject: request.subject(), error }
    }

    /// What the store said, where it said something.
    #[must_use]
    pub fn refusal(&self) -> Option<XsError> {
        match self {
            ClientError::Refused { error, .. } => Some(*error),
            _ => None,
        }
    }
}
