//! Answers that are kept as the bytes they are: a core dump holds them so.

use super::{CAPABILITIES, CHANGESET, COMPILE_INFO, EXTRAVERSION, PLATFORM_PARAMETERS};
use crate::call::{Arg, Call, Direction, Operation, OperationError};
use crate::hypercall::{XEN_VERSION, name};
use crate::release::Release;

/// Which answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawVersion {
    /// `xen_extraversion_t`.
    ExtraVersion,
    /// `xen_compile_info_t`: compiler, user, host, date.
    CompileInfo,
    /// `xen_capabilities_info_t`.
    Capabilities,
    /// `xen_changeset_info_t`.
    Changeset,
    /// `xen_platform_parameters_t`: where Xen's own addresses begin.
    PlatformParameters,
}

impl RawVersion {
    /// All, in the order of a core dump.
    pub const ALL: [RawVersion; 5] = [
        RawVersion::ExtraVersion,
        RawVersion::CompileInfo,
        RawVersion::Capabilities,
        RawVersion::Changeset,
        RawVersion::PlatformParameters,
    ];

    fn command_and_length(self) -> (u32, usize) {
        match self {
            RawVersion::ExtraVersion => (EXTRAVERSION, 16),
            RawVersion::CompileInfo => (COMPILE_INFO, 144),
            RawVersion::Capabilities => (CAPABILITIES, 1024),
            RawVersion::Changeset => (CHANGESET, 64),
            RawVersion::PlatformParameters => (PLATFORM_PARAMETERS, 8),
        }
    }
}

impl Operation for RawVersion {
    type Reply = Vec<u8>;

    fn encode(&self, _: &Release) -> Result<Call, OperationError> {
        let (command, length) = self.command_and_length();
        let call = Call::new(name::of(XEN_VERSION, command), XEN_VERSION).arg(0, Arg::Word(command.into())).arg(1, Arg::Address(0));
        Ok(call.buffer(Direction::Out, vec![0; length]))
    }

    fn decode(&self, _: &Release, _: i64, call: &Call) -> Result<Vec<u8>, OperationError> {
        Ok(call.bytes(0).to_vec())
    }
}
