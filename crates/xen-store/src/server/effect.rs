//! What the core asks of its shell.

use std::time::Duration;

use xen_abi::{DomId, Gfn, Port};

use super::ConnId;

/// Why a ring is not listened to any more (`error` word of the ring page, xs_wire.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingError {
    /// The ring could not be reached.
    Communication,
    /// Indices more than the ring's size apart.
    Indices,
    /// A payload above the protocol's limit.
    Protocol,
}

impl RingError {
    /// The number in the ring page.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            RingError::Communication => 1,
            RingError::Indices => 2,
            RingError::Protocol => 3,
        }
    }
}

/// Something that only the shell can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Map the domain's ring and bind its event channel, then call [`super::Server::introduced`]. With `again` the ring is mapped already:
    /// bind the new port and reset the indices.
    Introduce {
        /// Who waits for the answer.
        asker: ConnId,
        /// Whose ring.
        domid: DomId,
        /// Its frame, for shells that cannot use the grant.
        gfn: Gfn,
        /// The domain's event channel port, unbound for us.
        port: Port,
        /// The domain is introduced already (kexec, resume).
        again: bool,
    },
    /// Say whether the domain exists with [`super::Server::known`].
    Query {
        /// Who waits for the answer.
        asker: ConnId,
        /// Which domain.
        domid: DomId,
    },
    /// Unmap the ring and close its port: the connection is gone.
    Release {
        /// Its connection.
        conn: ConnId,
        /// Whose ring.
        domid: DomId,
    },
    /// Close the socket: the connection is gone once [`super::Server::disconnect`] is called.
    Close {
        /// Its connection.
        conn: ConnId,
    },
    /// Write the error word into the ring page and read nothing more from it.
    Stall {
        /// Its connection.
        conn: ConnId,
        /// Whose ring.
        domid: DomId,
        /// Why.
        error: RingError,
    },
    /// Put a line into the log (CONTROL print).
    Print(String),
    /// Warn in the log: the line begins with its subject. There are few of them, whatever clients do.
    Log(String),
    /// Put a line into the log of the protocol (CONTROL log).
    Trace(String),
    /// The log of the protocol goes to this file from now on (CONTROL logfile).
    LogFile(String),
    /// Put a report of memory into the log, or append it to a file (CONTROL memreport).
    MemoryReport {
        /// Where to.
        file: Option<String>,
        /// The report: lines.
        report: String,
    },
    /// Let another program take over, then call [`super::Server::live_updated`].
    LiveUpdate(LiveUpdateRequest),
    /// Give up the live update that is under way; its asker has been answered.
    AbortLiveUpdate,
}

/// What `xenstore-control live-update` asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveUpdateRequest {
    /// Who waits for the answer.
    pub asker: ConnId,
    /// The program.
    pub file: String,
    /// Its arguments in place of ours.
    pub arguments: Option<String>,
    /// How long open transactions may be waited for, where they must end first.
    pub timeout: Duration,
    /// Go on after that time though some are open.
    pub force: bool,
    /// Version of the stream (4.22).
    pub version: Option<u32>,
}
