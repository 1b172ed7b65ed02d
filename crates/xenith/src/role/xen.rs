//! The way to Xen, opened and negotiated.

use std::io;
use std::sync::Arc;

use xen_hv::{Hypercalls, NegotiateError, Negotiated, SeamError, negotiate};
use xen_sys::Privcmd;
use xenith_api::latest::{Code, Problem};

/// The hypercall node, and which Xen answers on it.
pub struct Opened {
    /// The node: hypercalls and foreign memory.
    pub privcmd: Arc<Privcmd>,
    /// What it lets us do.
    pub negotiated: Negotiated,
}

/// Opens the node and asks.
pub fn open(role: &str) -> Result<Opened, Problem> {
    let privcmd = privcmd(role)?;
    let negotiated = negotiate(privcmd.as_ref() as &dyn Hypercalls).map_err(|error| refused(role, &error))?;
    if let Negotiated::StableOnly(stable) = &negotiated {
        tracing::warn!("{}", stable.report);
    }
    Ok(Opened { privcmd, negotiated })
}

/// Opens the node.
pub fn privcmd(role: &str) -> Result<Arc<Privcmd>, Problem> {
    Privcmd::open().map(Arc::new).map_err(|error| unreachable(role, &error))
}

/// A device node that cannot be opened, or that fails.
pub fn unreachable(role: &str, error: &SeamError) -> Problem {
    let kind = if let SeamError::Node { source, .. } = error { Some(source.kind()) } else { None };
    let (code, advice) = match kind {
        Some(io::ErrorKind::PermissionDenied) => (Code::NotPermitted, "run it as root in dom0"),
        Some(_) => (Code::XenAbsent, "`xenith check` tells what is missing and the command that adds it"),
        None => (Code::XenRefused, "look with `xenith check`; Xen's own log may say more"),
    };
    Problem::new(code, format!("role {role}"), format!("role {role}: {error}"), advice)
}

fn refused(role: &str, error: &NegotiateError) -> Problem {
    let code = match error {
        NegotiateError::NoHypervisor { .. } => Code::XenAbsent,
        NegotiateError::NotPrivileged { .. } => Code::NotPermitted,
        NegotiateError::Probe(_) => Code::XenRefused,
    };
    Problem::new(code, format!("role {role}"), format!("role {role}: {error}"), "`xenith check` tells what is missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_nodes() {
        let node = |kind: io::ErrorKind| SeamError::Node { node: "/dev/xen/evtchn".to_owned(), source: kind.into() };
        for (error, code) in [
            (node(io::ErrorKind::PermissionDenied), Code::NotPermitted),
            (node(io::ErrorKind::NotFound), Code::XenAbsent),
            (SeamError::BadCall { what: "x", reason: "y".to_owned() }, Code::XenRefused),
        ] {
            assert_eq!(unreachable("store", &error).code, code, "{error}");
        }
    }
}
