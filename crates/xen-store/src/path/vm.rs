//! `/vm/UUID`: what belongs to a domain over its reboots; `/local/pool/P`: CPU pools.

use std::fmt;

use super::{StorePath, nodes};

/// The directory of the domain with this uuid, in its usual text form.
#[must_use]
pub fn vm(uuid: impl fmt::Display) -> VmPaths {
    VmPaths(VmPaths::all().child(uuid))
}

nodes! {
    /// Nodes that outlive a reboot.
    VmPaths {
        /// The uuid as text.
        uuid => "uuid",
        /// The name.
        name => "name",
        /// Start time, `seconds.centiseconds` since 1970.
        start_time => "start_time",
        /// Directory of what was booted.
        image => "image",
        /// `linux` for PV.
        image_ostype => "image/ostype",
        /// Path of the kernel.
        image_kernel => "image/kernel",
        /// Path of the initial ramdisk.
        image_ramdisk => "image/ramdisk",
        /// Kernel command line.
        image_cmdline => "image/cmdline",
        /// Offset of the emulated clock, in seconds.
        rtc_timeoffset => "rtc/timeoffset",
    }
}

impl VmPaths {
    /// The directory of all.
    #[must_use]
    pub fn all() -> StorePath {
        StorePath::root().below("vm")
    }
}

/// The directory of CPU pools.
#[must_use]
pub fn pools() -> StorePath {
    StorePath::root().below("local/pool")
}

/// One CPU pool.
#[must_use]
pub fn pool(id: u32) -> PoolPaths {
    PoolPaths(pools().child(id))
}

nodes! {
    /// Nodes of one CPU pool.
    PoolPaths {
        /// Its name: `Pool-0`.
        name => "name",
        /// Its uuid.
        uuid => "uuid",
    }
}
