//! What Xen is (public/version.h): stable on every release, and needing none to be known.

pub mod raw;
pub mod text;

use crate::call::{Call, Operation, OperationError};
use crate::hypercall::{XEN_VERSION, name};
use crate::record::constants;
use crate::release::Release;

constants! {
    /// The questions that we ask.
    OPERATIONS: u32 {
        /// [`GetVersion`].
        VERSION = XENVER_version, 0;
        /// [`text`].
        EXTRAVERSION = XENVER_extraversion, 1;
        /// [`raw`].
        COMPILE_INFO = XENVER_compile_info, 2;
        /// [`text`].
        CAPABILITIES = XENVER_capabilities, 3;
        /// [`text`].
        CHANGESET = XENVER_changeset, 4;
        /// [`raw`].
        PLATFORM_PARAMETERS = XENVER_platform_parameters, 5;
        /// [`text`].
        COMMANDLINE = XENVER_commandline, 9;
        /// [`text`], not cut.
        EXTRAVERSION2 = XENVER_extraversion2, 11 since V4_20;
        /// [`text`], not cut.
        CAPABILITIES2 = XENVER_capabilities2, 12 since V4_20;
        /// [`text`], not cut.
        CHANGESET2 = XENVER_changeset2, 13 since V4_20;
        /// [`text`], not cut.
        COMMANDLINE2 = XENVER_commandline2, 14 since V4_20;
    }
}

/// The major and minor number of a running Xen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 4 in all of the table.
    pub major: u16,
    /// The minor number.
    pub minor: u16,
}

/// Asks for the version. This is the first question of all, so it has bytes without a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetVersion;

impl GetVersion {
    /// The call.
    #[must_use]
    pub fn call() -> Call {
        Call::new(name::of(XEN_VERSION, VERSION), XEN_VERSION)
    }

    /// The version in Xen's return value.
    #[must_use]
    pub fn read(value: i64) -> Version {
        Version { major: (value >> 16 & 0xffff) as u16, minor: (value & 0xffff) as u16 }
    }
}

impl Operation for GetVersion {
    type Reply = Version;

    fn encode(&self, _: &Release) -> Result<Call, OperationError> {
        Ok(GetVersion::call())
    }

    fn decode(&self, _: &Release, value: i64, _: &Call) -> Result<Version, OperationError> {
        Ok(GetVersion::read(value))
    }
}
