//! The Xen releases the lab knows, and the Debian suite that carries each.

use std::fmt;

/// A Xen release with packages in a Debian suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// `4.17`.
    pub name: &'static str,
    /// The suite's code name.
    pub suite: &'static str,
}

/// Every release of the lab, oldest first. A new one is one line here.
pub const RELEASES: [Release; 3] =
    [Release { name: "4.14", suite: "bullseye" }, Release { name: "4.17", suite: "bookworm" }, Release { name: "4.20", suite: "trixie" }];

/// The suite that dom0's kernel, the guests' kernel and busybox come from, whichever Xen runs.
pub const KERNEL_SUITE: &str = "bookworm";

impl Release {
    /// The release of that name.
    pub fn named(name: &str) -> Option<Self> {
        RELEASES.into_iter().find(|release| release.name == name)
    }

    /// The hypervisor's package.
    pub fn hypervisor_package(&self) -> String {
        format!("xen-hypervisor-{}-amd64", self.name)
    }

    /// The hypervisor's file inside the package.
    pub fn hypervisor_path(&self) -> String {
        format!("boot/xen-{}-amd64.gz", self.name)
    }

    /// The packages of the stock tools of this release, and of strace, which counts what they do; without their libraries.
    pub fn tool_packages(&self) -> [String; 3] {
        [format!("xen-utils-{}", self.name), "xenstore-utils".to_owned(), "strace".to_owned()]
    }
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}
