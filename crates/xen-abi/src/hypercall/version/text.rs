//! The texts of a Xen: two routes for each.
//!
//! | text | every release, cut at | from 4.20, whole |
//! | --- | --- | --- |
//! | extra version | 1, 16 bytes | 11 |
//! | capabilities | 3, 1024 bytes | 12 |
//! | changeset | 4, 64 bytes | 13 |
//! | command line | 9, 1024 bytes | 14 |
//!
//! A newer question that Xen does not know is ENOSYS; then the older one is asked.

use super::{CAPABILITIES, CAPABILITIES2, CHANGESET, CHANGESET2, COMMANDLINE, COMMANDLINE2, EXTRAVERSION, EXTRAVERSION2};
use crate::call::{Arg, Call, Direction, OperationError};
use crate::hypercall::{XEN_VERSION, name};
use crate::layout::Field;
use crate::record::record;

record! {
    /// The argument of the newer route: a length, and right after it the text.
    VARBUF_RECORD = "struct xen_varbuf", size [V4_20: 4] {
        /// Room in bytes.
        VARBUF_LEN: u32 = "len" @ [V4_20: 0];
    }
}

/// [`VARBUF_LEN`], for a Xen whose release is not known: the route is stable.
const LEN: Field = Field::u32(0);
/// Where the text begins, in bytes.
const TEXT_OFFSET: usize = 4;
/// Room for a whole text, in bytes.
const WHOLE_MAX: usize = 4096;

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionText {
    /// What follows the numbers: `.4-pre`.
    ExtraVersion,
    /// The kinds of guests: `xen-3.0-x86_64 hvm-3.0-x86_64`.
    Capabilities,
    /// The commit.
    Changeset,
    /// Xen's command line.
    CommandLine,
}

impl VersionText {
    /// The stable question whose answer may be cut.
    #[must_use]
    pub fn cut(self) -> Call {
        let (command, length) = match self {
            VersionText::ExtraVersion => (EXTRAVERSION, 16),
            VersionText::Capabilities => (CAPABILITIES, 1024),
            VersionText::Changeset => (CHANGESET, 64),
            VersionText::CommandLine => (COMMANDLINE, 1024),
        };
        call(command, Direction::Out, vec![0; length])
    }

    /// The question of 4.20 whose answer is whole; ENOSYS before.
    pub fn whole(self) -> Result<Call, OperationError> {
        let command = match self {
            VersionText::ExtraVersion => EXTRAVERSION2,
            VersionText::Capabilities => CAPABILITIES2,
            VersionText::Changeset => CHANGESET2,
            VersionText::CommandLine => COMMANDLINE2,
        };
        let mut bytes = vec![0; TEXT_OFFSET + WHOLE_MAX];
        LEN.put(&mut bytes, WHOLE_MAX as u64)?;
        Ok(call(command, Direction::InOut, bytes))
    }
}

fn call(command: u32, direction: Direction, bytes: Vec<u8>) -> Call {
    Call::new(name::of(XEN_VERSION, command), XEN_VERSION)
        .arg(0, Arg::Word(command.into()))
        .arg(1, Arg::Address(0))
        .buffer(direction, bytes)
}

/// The text in an answer to [`VersionText::cut`].
#[must_use]
pub fn read_cut(call: &Call) -> String {
    until_nul(call.bytes(0))
}

/// The text in an answer to [`VersionText::whole`], whose length is Xen's return value.
#[must_use]
pub fn read_whole(value: i64, call: &Call) -> String {
    let length = usize::try_from(value).unwrap_or(0);
    let text = call.bytes(0).get(TEXT_OFFSET..).unwrap_or_default();
    until_nul(text.get(..length).unwrap_or(text))
}

fn until_nul(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).trim_end().to_owned()
}
