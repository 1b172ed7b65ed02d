//! What works on every Xen, known or not: the version, and from 4.21 a domain's state.

use xen_abi::hypercall::version::text::{VersionText, read_cut, read_whole};
use xen_abi::hypercall::version::{GetVersion, Version};
use xen_abi::{Call, Errno};

use crate::error::{Cause, Error};
use crate::seam::{Hypercalls, SeamError};

/// What Xen says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionInfo {
    /// Major and minor number.
    pub version: Version,
    /// What follows the numbers: `.4-pre`.
    pub extra: String,
    /// The kinds of guests: `xen-3.0-x86_64 hvm-3.0-x86_64`.
    pub capabilities: String,
    /// The commit.
    pub changeset: String,
    /// Xen's command line.
    pub command_line: String,
}

impl VersionInfo {
    /// The whole version: `4.17.4`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}.{}{}", self.version.major, self.version.minor, self.extra)
    }
}

fn issue(hypercalls: &dyn Hypercalls, call: &mut Call) -> Result<i64, Error> {
    let operation = call.name;
    hypercalls.issue(call).map_err(|seam| Error { operation, subject: None, cause: Cause::Seam(seam), detail: None })
}

/// The major and minor number.
pub fn version(hypercalls: &dyn Hypercalls) -> Result<Version, Error> {
    issue(hypercalls, &mut GetVersion::call()).map(GetVersion::read)
}

/// The version and its texts, whole where Xen can.
pub fn version_info(hypercalls: &dyn Hypercalls) -> Result<VersionInfo, Error> {
    Ok(VersionInfo {
        version: version(hypercalls)?,
        extra: text(hypercalls, VersionText::ExtraVersion)?,
        capabilities: text(hypercalls, VersionText::Capabilities)?,
        changeset: text(hypercalls, VersionText::Changeset)?,
        command_line: text(hypercalls, VersionText::CommandLine)?,
    })
}

/// The newer question first; ENOSYS where Xen has only the older one, ENOBUFS where the text is longer than our room.
fn text(hypercalls: &dyn Hypercalls, which: VersionText) -> Result<String, Error> {
    let unsaid = |error| Error { operation: "xen_version", subject: None, cause: Cause::Operation(error), detail: None };
    let mut whole = which.whole().map_err(unsaid)?;
    match hypercalls.issue(&mut whole) {
        Ok(value) => return Ok(read_whole(value, &whole)),
        Err(SeamError::Refused { errno: Errno::ENOSYS | Errno::ENOBUFS, .. }) => {}
        Err(seam) => return Err(Error { operation: whole.name, subject: None, cause: Cause::Seam(seam), detail: None }),
    }
    let mut cut = which.cut();
    issue(hypercalls, &mut cut)?;
    Ok(read_cut(&cut))
}
