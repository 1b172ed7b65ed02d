//! Which Xen is this? Three questions without side effects.
//!
//! ```text
//!   XENVER_version -----------> 4.17               a hint: vendors backport
//!   domctl getdomaininfo d0 --> number 0x15 fits   EACCES: walk the numbers down, then a few up to say "newer than known"
//!   sysctl sched_id ----------> number 0x15 fits
//!          |
//!          +--> the triple is a row of the release table:  Full(release)
//!          +--> it is not:                                 StableOnly, with the report; a layout is never guessed
//! ```

use xen_abi::hypercall::domctl::getdomaininfo::GetDomainInfo;
use xen_abi::hypercall::sysctl::sched_id::GetSchedulerId;
use xen_abi::hypercall::version::Version;
use xen_abi::{DomId, Errno, Operation, Release};

use crate::error::{Cause, Error};
use crate::seam::{Hypercalls, SeamError};
use crate::stable;

/// The oldest interface number probed, of Xen 4.11: older than the table, to be told apart from newer.
const OLDEST_NUMBER: u32 = 0x10;
/// How many numbers past the newest known are probed, only to be told.
const UPWARD: u32 = 8;

/// What a running Xen lets us do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Negotiated {
    /// Everything: the release is in the table.
    Full(Release),
    /// Only what is stable on every Xen.
    StableOnly(StableOnly),
}

/// A Xen that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StableOnly {
    /// What it calls itself.
    pub version: Version,
    /// Its domctl number, where the probe found it.
    pub domctl: Option<u32>,
    /// Its sysctl number, where the probe found it.
    pub sysctl: Option<u32>,
    /// What to tell the administrator: one line.
    pub report: String,
}

/// Why there is nothing to negotiate with.
#[derive(Debug, thiserror::Error)]
pub enum NegotiateError {
    /// Nobody answers hypercalls here.
    #[error("no Xen hypervisor answers on this machine ({reason}): boot the host under Xen, and load the module xen-privcmd")]
    NoHypervisor {
        /// What the attempt said.
        reason: String,
    },
    /// Xen answers, but we may not control it.
    #[error("this domain may not control Xen {}.{}: run the daemon in dom0 as root", version.major, version.minor)]
    NotPrivileged {
        /// What Xen calls itself.
        version: Version,
    },
    /// A probe failed in a way that says nothing about numbers.
    #[error(transparent)]
    Probe(#[from] Error),
}

/// Finds out which release is running.
pub fn negotiate(hypercalls: &dyn Hypercalls) -> Result<Negotiated, NegotiateError> {
    let version = stable::version(hypercalls).map_err(no_hypervisor)?;
    let predicted = predict(version);
    let domctl = find(hypercalls, version, predicted.domctl, newest(|row| row.domctl), domctl_probe)?;
    let sysctl = find(hypercalls, version, predicted.sysctl, newest(|row| row.sysctl), sysctl_probe)?;
    let known = domctl.zip(sysctl).and_then(|(domctl, sysctl)| Release::known(version.major, version.minor, domctl, sysctl));
    Ok(known.map_or_else(|| Negotiated::StableOnly(unknown(version, domctl, sysctl)), Negotiated::Full))
}

fn no_hypervisor(error: Error) -> NegotiateError {
    match &error.cause {
        Cause::Seam(SeamError::Node { .. }) => NegotiateError::NoHypervisor { reason: error.to_string() },
        Cause::Seam(seam) if matches!(seam.errno(), Some(Errno::ENOSYS | Errno::ENODEV | Errno::ENXIO)) => {
            NegotiateError::NoHypervisor { reason: error.to_string() }
        }
        _ => NegotiateError::Probe(error),
    }
}

/// The row that the version suggests; the newest for one that the table does not have.
fn predict(version: Version) -> Release {
    let named = |row: &Release| (row.major, row.minor) == (version.major, version.minor);
    Release::ALL.into_iter().find(named).unwrap_or(Release::NEWEST)
}

fn newest(number: impl Fn(&Release) -> u32) -> u32 {
    Release::ALL.iter().map(number).max().unwrap_or(0)
}

/// The number predicted, then those known from the newest down, then a few upward.
fn candidates(predicted: u32, newest: u32) -> impl Iterator<Item = u32> {
    let down = (OLDEST_NUMBER..=newest).rev();
    let up = newest + 1..=newest + UPWARD;
    std::iter::once(predicted).chain(down.chain(up).filter(move |number| *number != predicted))
}

type Probe = fn(&dyn Hypercalls, u32) -> Result<(), Error>;

fn find(hypercalls: &dyn Hypercalls, version: Version, predicted: u32, newest: u32, probe: Probe) -> Result<Option<u32>, NegotiateError> {
    for number in candidates(predicted, newest) {
        match probe(hypercalls, number) {
            Ok(()) => return Ok(Some(number)),
            Err(error) if error.errno() == Some(Errno::EACCES) => {}
            Err(error) if error.errno() == Some(Errno::EPERM) => return Err(NegotiateError::NotPrivileged { version }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Xen compares the number before anything else, so any release's layout will do around it.
fn probe<O: Operation>(hypercalls: &dyn Hypercalls, release: &Release, subject: Option<DomId>, operation: &O) -> Result<(), Error> {
    let failed = |operation, cause| Error { operation, subject, cause, detail: None };
    let mut call = operation.encode(release).map_err(|error| failed("probe", Cause::Operation(error)))?;
    hypercalls.issue(&mut call).map(|_| ()).map_err(|error| failed(call.name, Cause::Seam(error)))
}

fn domctl_probe(hypercalls: &dyn Hypercalls, number: u32) -> Result<(), Error> {
    let release = Release { domctl: number, ..Release::NEWEST };
    probe(hypercalls, &release, Some(DomId::DOM0), &GetDomainInfo { domid: DomId::DOM0 })
}

fn sysctl_probe(hypercalls: &dyn Hypercalls, number: u32) -> Result<(), Error> {
    let release = Release { sysctl: number, ..Release::NEWEST };
    probe(hypercalls, &release, None, &GetSchedulerId)
}

fn unknown(version: Version, domctl: Option<u32>, sysctl: Option<u32>) -> StableOnly {
    let told = |number: Option<u32>| number.map_or_else(|| "none of those tried".to_owned(), |number| format!("{number:#x}"));
    let report = format!(
        "Xen {}.{} speaks domctl {} and sysctl {}, which this build does not know ({}). Domains can be listed through xenstore; creating and controlling \
         them needs a build that knows this Xen: it knows {}",
        version.major,
        version.minor,
        told(domctl),
        told(sysctl),
        age(version, domctl, sysctl),
        Release::ALL.map(|row| row.to_string()).join(", "),
    );
    StableOnly { version, domctl, sysctl, report }
}

fn age(version: Version, domctl: Option<u32>, sysctl: Option<u32>) -> &'static str {
    let newer = |number: Option<u32>, newest| number.is_some_and(|number| number > newest);
    let (oldest, latest) = (Release::OLDEST, Release::NEWEST);
    let said = (version.major, version.minor);
    if newer(domctl, newest(|row| row.domctl)) || newer(sysctl, newest(|row| row.sysctl)) || said > (latest.major, latest.minor) {
        "newer than known"
    } else if said < (oldest.major, oldest.minor) {
        "older than supported"
    } else {
        "numbers that no release had together: a vendor's build?"
    }
}
