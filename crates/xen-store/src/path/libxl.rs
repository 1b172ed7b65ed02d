//! `/libxl/N`: what the toolstack keeps of a domain where no guest can write. Teardown trusts only this.

use xen_abi::DomId;

use super::{DeviceKind, DevicePaths, StorePath, nodes};

/// The toolstack's directory of a domain.
#[must_use]
pub fn libxl(domid: DomId) -> LibxlPaths {
    LibxlPaths(LibxlPaths::all().child(domid.0))
}

nodes! {
    /// Nodes of the toolstack's directory of one domain, dom0 only.
    LibxlPaths {
        /// `pvh`, `hvm` or `pv`.
        domain_type => "type",
        /// Which device model: `qemu_xen`, `none`.
        dm_version => "dm-version",
        /// Devices by kind.
        device => "device",
    }
}

impl LibxlPaths {
    /// The directory of all domains the toolstack knows.
    #[must_use]
    pub fn all() -> StorePath {
        StorePath::root().below("libxl")
    }

    /// The toolstack's devices of one kind.
    #[must_use]
    pub fn device_kind(&self, kind: DeviceKind) -> StorePath {
        self.device().child(kind.name())
    }

    /// The toolstack's record of one device: `frontend`, `backend` and copies of the backend's nodes.
    #[must_use]
    pub fn device_of(&self, kind: DeviceKind, devid: u32) -> DevicePaths {
        DevicePaths::at(self.device_kind(kind).child(devid))
    }
}
