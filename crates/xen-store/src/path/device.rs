//! Devices: frontends below the guest, backends below the domain that serves, and the toolstack's copies of both.

use xen_abi::DomId;

use super::{StorePath, domain, nodes};

/// What a xenbus device is, by the name its directory has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKind {
    /// Block device.
    Vbd,
    /// Network interface.
    Vif,
    /// A further console; the primary one has its own directory.
    Console,
    /// 9p file system.
    NineP,
    /// Framebuffer.
    Vfb,
    /// Keyboard and pointer.
    Vkbd,
    /// PCI pass-through.
    Pci,
}

impl DeviceKind {
    /// Every kind.
    pub const ALL: &'static [DeviceKind] =
        &[DeviceKind::Vbd, DeviceKind::Vif, DeviceKind::Console, DeviceKind::NineP, DeviceKind::Vfb, DeviceKind::Vkbd, DeviceKind::Pci];

    /// The directory's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DeviceKind::Vbd => "vbd",
            DeviceKind::Vif => "vif",
            DeviceKind::Console => "console",
            DeviceKind::NineP => "9pfs",
            DeviceKind::Vfb => "vfb",
            DeviceKind::Vkbd => "vkbd",
            DeviceKind::Pci => "pci",
        }
    }

    /// The kind of a directory's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<DeviceKind> {
        DeviceKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// A guest's frontends of one kind.
#[must_use]
pub fn frontend_root(domid: DomId, kind: DeviceKind) -> StorePath {
    domain(domid).device().child(kind.name())
}

/// One frontend. The primary console's is `/local/domain/N/console` instead: [`DevicePaths::primary_console`].
#[must_use]
pub fn frontend(domid: DomId, kind: DeviceKind, devid: u32) -> DevicePaths {
    DevicePaths(frontend_root(domid, kind).child(devid))
}

/// The backends of one kind that `serving` offers: its children are the domids of guests.
#[must_use]
pub fn backend_root(serving: DomId, kind: DeviceKind) -> StorePath {
    domain(serving).backend().child(kind.name())
}

/// One backend.
#[must_use]
pub fn backend(serving: DomId, kind: DeviceKind, guest: DomId, devid: u32) -> DevicePaths {
    DevicePaths(backend_root(serving, kind).child(guest.0).child(devid))
}

nodes! {
    /// Nodes of one end of a device.
    DevicePaths {
        /// XenbusState as a decimal number.
        state => "state",
        /// Path of the other end, told to the frontend.
        backend => "backend",
        /// Domid of the other end, told to the frontend.
        backend_id => "backend-id",
        /// Path of the other end, told to the backend.
        frontend => "frontend",
        /// Domid of the other end, told to the backend.
        frontend_id => "frontend-id",
        /// 1 while the toolstack wants the device.
        online => "online",
        /// Grant reference of the ring; a gfn for the primary console.
        ring_ref => "ring-ref",
        /// Event channel port.
        event_channel => "event-channel",
        /// Event channel port of a console.
        port => "port",
        /// Path of the pty of a console.
        tty => "tty",
        /// What speaks the console: `vt100`.
        protocol => "protocol",
        /// Bytes that a console's daemon buffers.
        limit => "limit",
        /// Kind of console, or of block backend.
        kind => "type",
        /// Where a console's output goes.
        output => "output",
        /// What the backend opens.
        params => "params",
        /// The toolstack's words for what to open.
        physical_device => "physical-device",
        /// Sectors of a block device.
        sectors => "sectors",
        /// Bytes in a sector.
        sector_size => "sector-size",
        /// Bits of what the disk is.
        info => "info",
        /// Read or write.
        mode => "mode",
        /// Hardware address of a network interface.
        mac => "mac",
        /// Why hotplug failed.
        hotplug_error => "hotplug-error",
        /// `connected` once hotplug is done.
        hotplug_status => "hotplug-status",
    }
}

impl DevicePaths {
    /// The primary console's frontend.
    #[must_use]
    pub fn primary_console(domid: DomId) -> DevicePaths {
        DevicePaths(domain(domid).console())
    }

    /// The toolstack's copy below `/libxl`.
    pub(super) fn at(path: StorePath) -> DevicePaths {
        DevicePaths(path)
    }

    /// A node whose name only the device's protocol knows.
    #[must_use]
    pub fn node(&self, name: &str) -> StorePath {
        self.0.child(name)
    }
}
