//! Errors of the facade: who, what, why, and what to do next.

use std::fmt;

use xen_abi::{DomId, Errno, OperationError};

use crate::seam::SeamError;

/// An operation on Xen that failed.
#[derive(Debug)]
pub struct Error {
    /// The operation, by the name of its call: `domctl max_mem`.
    pub operation: &'static str,
    /// The domain it was about, if any.
    pub subject: Option<DomId>,
    /// Why it failed.
    pub cause: Cause,
    /// What Xen told beyond the error number: the CPUID leaf it refuses.
    pub detail: Option<String>,
}

/// Why an operation failed.
#[derive(Debug)]
pub enum Cause {
    /// Xen refused, or the way to it failed.
    Seam(SeamError),
    /// The release has no bytes for the request, or the answer makes no sense.
    Operation(OperationError),
}

impl Error {
    /// The error number, where Xen or the kernel gave one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match &self.cause {
            Cause::Seam(seam) => seam.errno(),
            Cause::Operation(_) => None,
        }
    }

    /// Whether the domain it was about does not exist.
    #[must_use]
    pub fn is_no_such_domain(&self) -> bool {
        self.errno() == Some(Errno::ESRCH)
    }

    /// Whether Xen has not enough memory.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.errno() == Some(Errno::ENOMEM)
    }

    /// What to do next, where the operation and the number tell.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        let errno = self.errno()?;
        HINTS
            .iter()
            .find(|(operation, number, _)| *number == errno && (operation.is_empty() || *operation == self.operation))
            .map(|(_, _, hint)| *hint)
    }
}

/// Operation ("" is any), number, what to do. The first row that fits is told.
const HINTS: &[(&str, Errno, &str)] = &[
    (
        "domctl createdomain",
        Errno::EINVAL,
        "the host refuses the configuration: compare it with `xenith info`; a debug build of Xen tells more in its log",
    ),
    ("domctl createdomain", Errno::EOPNOTSUPP, "this build of Xen cannot have such a domain: see the capabilities in `xenith info`"),
    ("domctl createdomain", Errno::EEXIST, "the domid is taken: let Xen choose one"),
    ("domctl max_vcpus", Errno::EINVAL, "the number must be the one given at creation"),
    ("domctl set_paging_mempool_size", Errno::ENOMEM, "free memory on the host, or give the domain less"),
    ("memory_op claim_pages", Errno::ENOMEM, "free memory on the host, or give the domain less"),
    ("memory_op claim_pages", Errno::EINVAL, "the claim exceeds the domain's bound, or the domain is gone"),
    ("domctl set_cpu_policy", Errno::EEXIST, "a CPU policy can be changed only before the domain first runs"),
    ("", Errno::ESRCH, "there is no such domain any more: list the domains"),
    ("", Errno::EPERM, "only the control domain may do this: run it in dom0 as root"),
    ("", Errno::EACCES, "Xen speaks another interface number than at start: was it live-patched or exchanged? Restart the daemon"),
    ("", Errno::ENOSYS, "this build of Xen does not have the operation"),
    ("", Errno::ENOMEM, "free memory on the host"),
    ("", Errno::EFAULT, "Xen could not reach the call's memory: is /dev/xen/hypercall there?"),
];

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(domid) = self.subject {
            write!(f, "{domid}: ")?;
        }
        match &self.cause {
            Cause::Seam(SeamError::Refused { errno, .. }) => write!(f, "{}: {errno}", self.operation)?,
            Cause::Seam(SeamError::Io { source, .. }) => write!(f, "{}: {source}", self.operation)?,
            Cause::Seam(seam) => write!(f, "{}: {seam}", self.operation)?,
            Cause::Operation(operation) => write!(f, "{}: {operation}", self.operation)?,
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        match self.hint() {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// The cause is told by `Display`, so there is no source to tell it twice.
impl std::error::Error for Error {}
