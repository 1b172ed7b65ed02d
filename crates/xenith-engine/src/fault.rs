//! Why a step fails, and what the API says of it.

use std::io;

use xen_abi::{DomId, Errno, Port};
use xen_guest::core_dump::DumpError;
use xen_guest::pvh::build::{BuildError, Ports};
use xen_store::client::ClientError;
use xenith_api::latest::domain::memory_to_text;
use xenith_api::latest::{Code, Problem};

use crate::journal::Progress;

/// Why something that the engine does on the host failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Xen refused, or cannot be reached.
    #[error(transparent)]
    Xen(#[from] xen_hv::Error),
    /// The domain could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The store refused, or the connection broke.
    #[error(transparent)]
    Store(ClientError),
    /// The store cannot be reached.
    #[error("the store cannot be reached: {0}")]
    StoreAbsent(io::Error),
    /// The host has not enough memory that is free and not claimed.
    #[error("{} of memory wanted, the host has {} free", memory_to_text(*wanted_kib), memory_to_text(*free_kib))]
    HostMemory {
        /// How much was wanted, in KiB.
        wanted_kib: u64,
        /// How much there is, in KiB.
        free_kib: u64,
    },
    /// The record of a domain cannot be written or removed.
    #[error("the domain's record cannot be kept: {0}")]
    Record(io::Error),
    /// A core dump cannot be written.
    #[error("no core dump: {0}")]
    Dump(DumpError),
    /// The domain is not there any more.
    #[error("it is gone")]
    Gone,
    /// A step ran before the one that finds out what it needs.
    #[error("{0} is not known yet")]
    Unknown(&'static str),
}

impl Fault {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Fault::Xen(error) | Fault::Build(BuildError::Xen(error)) => xen_code(error),
            Fault::Build(BuildError::OutOfMemory { .. }) => Code::MemoryInsufficient,
            Fault::Build(BuildError::Read { .. }) => Code::FileUnreadable,
            Fault::Build(BuildError::Map { .. } | BuildError::Write { .. } | BuildError::Context { .. }) => Code::XenRefused,
            Fault::Build(BuildError::Record { .. }) => Code::Internal,
            Fault::Store(ClientError::Refused { .. } | ClientError::Conflict { .. }) => Code::StoreRefused,
            Fault::Store(_) | Fault::StoreAbsent(_) => Code::StoreUnreachable,
            Fault::HostMemory { .. } => Code::MemoryInsufficient,
            Fault::Dump(DumpError::Cancelled) => Code::Cancelled,
            Fault::Dump(DumpError::Map(_) | DumpError::Read(_)) => Code::XenRefused,
            Fault::Dump(DumpError::Write(error)) if is_about_the_path(error) => Code::DumpPathInvalid,
            Fault::Dump(DumpError::Write(_) | DumpError::TooLarge { .. }) => Code::DumpFailed,
            Fault::Gone => Code::DomainNotFound,
            Fault::Record(_) | Fault::Unknown(_) => Code::Internal,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn advice(&self) -> &str {
        match self {
            Fault::Xen(error) | Fault::Build(BuildError::Xen(error)) => error.hint().unwrap_or(SEE_LOG),
            Fault::Build(BuildError::OutOfMemory { .. }) | Fault::HostMemory { .. } => "free memory on the host, or give the domain less",
            Fault::Build(BuildError::Read { .. }) => "let the files be as they are until the domain is created",
            Fault::Build(_) => SEE_LOG,
            Fault::Store(ClientError::Refused { .. } | ClientError::Conflict { .. }) => "see the store's log",
            Fault::Store(_) | Fault::StoreAbsent(_) => "see that `xenith store` runs",
            Fault::Dump(DumpError::Cancelled) => "ask again",
            Fault::Dump(DumpError::TooLarge { .. }) => "raise --dump-limit of the daemon, or give the domain less memory",
            Fault::Dump(_) => "see that the file's directory is there and has room",
            Fault::Gone => "list the domains",
            Fault::Record(_) => "see that /run has room",
            Fault::Unknown(_) => "this is a defect of Xenith: report it with this line",
        }
    }

    /// The failure as a problem about `subject`, in the step of that text where it was in one.
    #[must_use]
    pub fn problem(&self, subject: &str, step: Option<String>) -> Problem {
        let mut problem = Problem::new(self.code(), subject, format!("{subject}: {self}"), self.advice());
        problem.step = step;
        problem
    }
}

/// Where a refusal that names no cure is explained.
const SEE_LOG: &str = "see Xen's log and the daemon's";

/// Another path would do: it is not the disk's fault, nor ours.
fn is_about_the_path(error: &io::Error) -> bool {
    use io::ErrorKind::{
        AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
    };
    let kinds = [AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem];
    kinds.contains(&error.kind())
}

fn xen_code(error: &xen_hv::Error) -> Code {
    match error.errno() {
        Some(Errno::ENOMEM) => Code::MemoryInsufficient,
        Some(Errno::EPERM) => Code::NotPermitted,
        _ => Code::XenRefused,
    }
}

impl Progress {
    /// The domain's number.
    pub(crate) fn domid(&self) -> Result<DomId, Fault> {
        self.domid.map(DomId).ok_or(Fault::Unknown("the domain's number"))
    }

    /// The domain's ends of its event channels.
    pub(crate) fn ports(&self) -> Result<Ports, Fault> {
        match (self.store_port, self.console_port) {
            (Some(store), Some(console)) => Ok(Ports { store: Port(store), console: Port(console) }),
            _ => Err(Fault::Unknown("the domain's ports")),
        }
    }
}
