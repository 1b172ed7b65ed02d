//! The one table of releases: what a running Xen says of itself, and what that means.
//!
//! A release is run-time data, never `cfg`. The domctl number alone does not identify the semantics (0x17 covers 4.19 to 4.21),
//! so a release is known by the triple (XENVER version, domctl, sysctl). An unknown triple has no row and no layout.

use std::fmt;

/// A release line of Xen, ordered by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    /// 4 in all of the table.
    pub major: u16,
    /// 14 to 22.
    pub minor: u16,
    /// `XEN_DOMCTL_INTERFACE_VERSION` (public/domctl.h).
    pub domctl: u32,
    /// `XEN_SYSCTL_INTERFACE_VERSION` (public/sysctl.h).
    pub sysctl: u32,
}

impl Release {
    const fn new(minor: u16, domctl: u32, sysctl: u32) -> Self {
        Release { major: 4, minor, domctl, sysctl }
    }

    /// Xen 4.14.
    pub const V4_14: Release = Release::new(14, 0x12, 0x13);
    /// Xen 4.15.
    pub const V4_15: Release = Release::new(15, 0x13, 0x13);
    /// Xen 4.16.
    pub const V4_16: Release = Release::new(16, 0x14, 0x14);
    /// Xen 4.17.
    pub const V4_17: Release = Release::new(17, 0x15, 0x15);
    /// Xen 4.18.
    pub const V4_18: Release = Release::new(18, 0x16, 0x15);
    /// Xen 4.19.
    pub const V4_19: Release = Release::new(19, 0x17, 0x15);
    /// Xen 4.20.
    pub const V4_20: Release = Release::new(20, 0x17, 0x15);
    /// Xen 4.21.
    pub const V4_21: Release = Release::new(21, 0x17, 0x16);
    /// Xen 4.22.
    pub const V4_22: Release = Release::new(22, 0x18, 0x16);

    /// Every release that this code speaks, oldest first. A new release is a new row here, new facts, and what changed in `hypercall/`.
    pub const ALL: [Release; 9] = [
        Release::V4_14,
        Release::V4_15,
        Release::V4_16,
        Release::V4_17,
        Release::V4_18,
        Release::V4_19,
        Release::V4_20,
        Release::V4_21,
        Release::V4_22,
    ];

    /// The oldest row.
    pub const OLDEST: Release = {
        let [oldest, ..] = Release::ALL;
        oldest
    };

    /// The newest row.
    pub const NEWEST: Release = {
        let [.., newest] = Release::ALL;
        newest
    };

    /// The row for what a running Xen says, or none: a layout is never guessed.
    #[must_use]
    pub fn known(major: u16, minor: u16, domctl: u32, sysctl: u32) -> Option<Release> {
        let said = Release { major, minor, domctl, sysctl };
        Release::ALL.into_iter().find(|row| *row == said)
    }

    /// The row named like `4.17`.
    #[must_use]
    pub fn named(name: &str) -> Option<Release> {
        Release::ALL.into_iter().find(|row| row.to_string() == name)
    }
}

/// Meanings that changed while the layout stayed. Everything else that differs stands beside its operation in `hypercall/`.
impl Release {
    /// The paging pool has its own operation with bytes; before, `shadow_op` with MiB (4.17, public/domctl.h).
    #[must_use]
    pub fn sizes_paging_pool_in_bytes(&self) -> bool {
        *self >= Release::V4_17
    }

    /// The stable domctl `get_domain_state` is there (4.21, public/domctl.h).
    #[must_use]
    pub fn has_domain_state(&self) -> bool {
        *self >= Release::V4_21
    }

    /// The builder tells a PVH domain that ACPI tables are NVS, so that kexec keeps them; before, reclaimable (4.21, tools/libs/light/libxl_x86.c).
    #[must_use]
    pub fn keeps_acpi_tables_across_kexec(&self) -> bool {
        *self >= Release::V4_21
    }

    /// The console page has a `connection` field that the builder sets to "disconnected" (4.21, public/io/console.h).
    #[must_use]
    pub fn console_page_has_connection(&self) -> bool {
        *self >= Release::V4_21
    }

    /// The security label of an ordinary domain, for FLASK: 4.17 put a label before it (tools/flask/policy/policy/initial_sids).
    #[must_use]
    pub fn initial_domu_sid(&self) -> u32 {
        if *self >= Release::V4_17 { 12 } else { 11 }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
