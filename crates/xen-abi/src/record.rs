//! What Xen's headers say, release by release, under the names they use.
//!
//! ```text
//!   Record   "struct xen_domctl_createdomain"   size:   4.14: 48   4.15: 56   4.16: 60 ...
//!     Member   "grant_opts"                     offset:    -          -       4.16: 44
//!   Constant "XEN_DOMCTL_createdomain" = 1
//! ```
//!
//! Each operation states its records beside its encoder; `facts` lists them all. `cargo xtask abi` takes the names from that list and
//! measures the numbers with a compiler, and a test compares: a number typed wrong here cannot agree with itself.

use crate::call::OperationError;
use crate::layout::Field;
use crate::release::Release;

/// A number that may change at a release and then holds until the next row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The same in every release of the table.
    Always(usize),
    /// Rows in order of age; before the first one there is none.
    Since(&'static [(Release, usize)]),
}

impl At {
    /// The number for a release.
    #[inline]
    #[must_use]
    pub fn for_release(&self, release: &Release) -> Option<usize> {
        match self {
            At::Always(number) => Some(*number),
            At::Since(rows) => rows.iter().rev().find(|(since, _)| since <= release).map(|(_, number)| *number),
        }
    }
}

/// A field of one of Xen's records over the releases. All offsets count from the record's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name in the newest header.
    pub name: &'static str,
    /// What an older header called it, where it was renamed in place.
    pub once: Option<&'static str>,
    /// Its width in bytes.
    pub width: usize,
    /// Its offset in bytes.
    pub at: At,
}

impl Member {
    /// Where it stands in a release, or none where the release has no such field.
    #[inline]
    #[must_use]
    pub fn field(&self, release: &Release) -> Option<Field> {
        self.at.for_release(release).map(|offset| Field { offset, width: self.width })
    }

    /// Where it stands in the newest release, for pages that only grow.
    #[must_use]
    pub const fn newest(&self) -> Field {
        let offset = match self.at {
            At::Always(offset) | At::Since(&[.., (_, offset)]) => offset,
            At::Since(&[]) => 0,
        };
        Field { offset, width: self.width }
    }

    #[inline]
    fn require(&self, release: &Release) -> Result<Field, OperationError> {
        self.field(release).ok_or(OperationError::Unsupported { release: *release, what: self.name })
    }

    /// Writes the field; a value wider than the field is refused.
    pub fn put(&self, release: &Release, record: &mut [u8], value: u64) -> Result<(), OperationError> {
        let field = self.require(release)?;
        if field.width < 8 && value >> (field.width * 8) != 0 {
            return Err(OperationError::OutOfRange { what: self.name, value, bound: "the width of its field" });
        }
        Ok(field.put(record, value)?)
    }

    /// Reads the field.
    #[inline]
    pub fn get(&self, release: &Release, record: &[u8]) -> Result<u64, OperationError> {
        Ok(self.require(release)?.get(record)?)
    }

    /// Reads the field as 32 bits; a wider one is cut.
    #[inline]
    pub fn get_u32(&self, release: &Release, record: &[u8]) -> Result<u32, OperationError> {
        Ok((self.get(release, record)? & u64::from(u32::MAX)) as u32)
    }

    /// Writes an array of bytes exactly as wide as the field.
    pub fn put_bytes(&self, release: &Release, record: &mut [u8], bytes: &[u8]) -> Result<(), OperationError> {
        let field = self.require(release)?;
        Ok(crate::layout::put_bytes(record, field.offset, bytes)?)
    }

    /// Reads an array of `N` bytes at the field.
    pub fn get_bytes<const N: usize>(&self, release: &Release, record: &[u8]) -> Result<[u8; N], OperationError> {
        let field = self.require(release)?;
        Ok(crate::layout::get_bytes(record, field.offset)?)
    }
}

/// One of Xen's structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name in C, `struct` included.
    pub name: &'static str,
    /// Its size in bytes.
    pub size: At,
    /// The members that we speak of.
    pub members: &'static [Member],
}

impl Record {
    /// The size in bytes, or an error where the release has no such record.
    pub fn size(&self, release: &Release) -> Result<usize, OperationError> {
        self.size.for_release(release).ok_or(OperationError::Unsupported { release: *release, what: self.name })
    }

    /// A zeroed record: every pad and every field we do not know is zero.
    pub fn zeroed(&self, release: &Release) -> Result<Vec<u8>, OperationError> {
        Ok(vec![0; self.size(release)?])
    }
}

/// A number that the headers name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its name in C.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// The first release whose headers have it.
    pub since: Release,
}

/// States one of Xen's structures: `record! { NAME = "struct ...", size 8 { FIELD: u32 = "c_name" @ 0; } }`. A size or an offset that moved is a
/// list of rows: `[V4_14: 40, V4_17: 48]`. A field renamed in place says `= "new" once "old"`.
macro_rules! record {
    ($(#[$doc:meta])* $record:ident = $c:literal, size $size:tt {
        $($(#[$member_doc:meta])* $name:ident: $width:tt = $member:literal $(once $once:literal)? @ $at:tt;)*
    }) => {
        $(#[$doc])*
        pub const $record: $crate::record::Record = $crate::record::Record {
            name: $c,
            size: $crate::record::record!(@at $size),
            members: &[$($name),*],
        };
        $(
            $(#[$member_doc])*
            pub const $name: $crate::record::Member = $crate::record::Member {
                name: $member,
                once: $crate::record::record!(@once $($once)?),
                width: $crate::record::record!(@width $width),
                at: $crate::record::record!(@at $at),
            };
        )*
    };
    (@at [$($release:ident: $number:literal),+ $(,)?]) => {
        $crate::record::At::Since(&[$(($crate::release::Release::$release, $number)),+])
    };
    (@at $number:literal) => { $crate::record::At::Always($number) };
    (@once) => { None };
    (@once $once:literal) => { Some($once) };
    (@width u8) => { 1 };
    (@width u16) => { 2 };
    (@width u32) => { 4 };
    (@width u64) => { 8 };
    (@width [$length:literal]) => { $length };
}

/// States numbers that the headers name, and the list of them: `constants! { LIST: u32 { /// Doc. NAME = 1; NEWER = 2 since V4_17; } }`. The type
/// is what code uses them as.
macro_rules! constants {
    ($(#[$list_doc:meta])* $list:ident: $type:ty {
        $($(#[$doc:meta])* $name:ident = $c:ident, $value:literal $(since $since:ident)?;)*
    }) => {
        $($(#[$doc])* pub const $name: $type = $value;)*

        $(#[$list_doc])*
        pub const $list: &[$crate::record::Constant] = &[$(
            $crate::record::Constant {
                name: stringify!($c),
                value: $value,
                since: $crate::record::constants!(@since $($since)?),
            },
        )*];
    };
    (@since) => { $crate::release::Release::OLDEST };
    (@since $since:ident) => { $crate::release::Release::$since };
}

pub(crate) use {constants, record};
