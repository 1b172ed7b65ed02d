//! Problems that more than one place tells.

use xen_hv::{NegotiateError, StableOnly};
use xenith_api::latest::{Code, Problem};

/// Our own fault.
pub(crate) fn internal(subject: &str, title: impl Into<String>) -> Problem {
    Problem::new(Code::Internal, subject, title, "this is a defect of Xenith: report it with the daemon's log")
}

/// No domain of that name, number or uuid.
pub(crate) fn not_found(id: &str) -> Problem {
    let id = xenith_api::latest::problem::shorten(id);
    Problem::new(Code::DomainNotFound, format!("domain {id}"), format!("domain {id}: there is no such domain"), "list the domains")
}

/// The domain's state forbids it.
pub(crate) fn state(name: &str, what: &str, advice: &str) -> Problem {
    Problem::new(Code::DomainState, format!("domain {name}"), format!("domain {name}: {what}"), advice)
}

/// The running Xen is not in the table.
pub(crate) fn unknown_xen(stable: &StableOnly) -> Problem {
    Problem::new(Code::XenUnknown, "host", stable.report.clone(), "use a Xen that this version knows, or a newer Xenith")
}

/// Nobody to negotiate with.
pub(crate) fn negotiation(error: &NegotiateError) -> Problem {
    let (code, advice) = match error {
        NegotiateError::NoHypervisor { .. } => (Code::XenAbsent, "boot this machine with Xen; `xenith check` tells what is missing"),
        NegotiateError::NotPrivileged { .. } => (Code::NotPermitted, "run it in dom0 as root"),
        NegotiateError::Probe(_) => (Code::XenRefused, "see Xen's log"),
    };
    Problem::new(code, "host", error.to_string(), advice)
}
