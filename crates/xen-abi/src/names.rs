//! Xen's own words as types, so that a gfn is never passed where a port is meant.

use std::fmt;

use crate::record::Constant;
use crate::release::Release;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

name!(
    /// A domain's number (`domid_t`, public/xen.h). Numbers are used again: identity over time needs the uuid or the unique id of 4.21.
    DomId(u16), "d"
);
name!(
    /// A vcpu's index within its domain.
    VcpuId(u32), "v"
);
name!(
    /// An event channel port, local to the domain that speaks (`evtchn_port_t`).
    Port(u32), "port "
);
name!(
    /// An index into a domain's grant table (`grant_ref_t`).
    GrantRef(u32), "grant "
);

macro_rules! frame {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {:#x}", stringify!($name).to_ascii_lowercase(), self.0)
            }
        }

        impl $name {
            /// The frame `count` frames further on, or none past the end of the number space.
            #[must_use]
            pub fn checked_add(self, count: u64) -> Option<Self> {
                self.0.checked_add(count).map(Self)
            }
        }
    };
}

frame!(
    /// A guest frame number: 4 KiB of a domain's physical address space, as the domain sees it.
    Gfn
);
frame!(
    /// A machine frame number: 4 KiB of the host's memory.
    Mfn
);
frame!(
    /// A pseudo-physical frame number of a PV domain.
    Pfn
);

impl DomId {
    /// The control domain.
    pub const DOM0: DomId = DomId(0);
    /// The speaker itself (public/xen.h).
    pub const SELF: DomId = DomId(0x7ff0);
    /// No domain (public/xen.h).
    pub const INVALID: DomId = DomId(0x7ff4);
    /// The wildcard that lets `createdomain` pick the number on every release: auto-allocation took any value from 0x7ff0 up
    /// to 4.21, and takes this one alone from 4.22 (xen/common/domctl.c).
    pub const ANY: DomId = DomId(0x7ff5);
    /// The first number that no domain can have (public/xen.h).
    pub const FIRST_RESERVED: DomId = DomId(0x7ff0);

    /// Whether a real domain can have this number.
    #[must_use]
    pub fn is_ordinary(self) -> bool {
        self < Self::FIRST_RESERVED
    }
}

/// The reserved numbers by their names in public/xen.h, to be checked with all other claims.
pub const DOMIDS: &[Constant] = &[
    Constant { name: "DOMID_SELF", value: DomId::SELF.0 as u64, since: Release::OLDEST },
    Constant { name: "DOMID_FIRST_RESERVED", value: DomId::FIRST_RESERVED.0 as u64, since: Release::OLDEST },
    Constant { name: "DOMID_INVALID", value: DomId::INVALID.0 as u64, since: Release::OLDEST },
    Constant { name: "DOMID_ANY", value: DomId::ANY.0 as u64, since: Release::V4_22 },
];

/// Bytes in a page, the same on x86-64 and aarch64 (public/xen.h, `XEN_PAGE_SIZE`).
pub const PAGE_SIZE: usize = 4096;
/// `log2` of [`PAGE_SIZE`].
pub const PAGE_SHIFT: u32 = 12;
