//! What the steps work on.

use std::sync::{Arc, Mutex};

use xen_guest::core_dump::Dumped;
use xen_guest::loader::kernel::{Initrd, KernelImage};
use xen_hv::{ForeignMemory, Xen};

use crate::clock::Clock;
use crate::record::Records;
use crate::store::Stores;

/// The ways to Xen, the store and the records. Clones share them.
#[derive(Clone)]
pub struct World {
    /// Hypercalls of a known release.
    pub xen: Xen,
    /// Other domains' memory.
    pub memory: Arc<dyn ForeignMemory>,
    /// Connections to the store.
    pub stores: Stores,
    /// The domains of ours.
    pub records: Records,
    /// What the domain boots, where this is a create.
    pub images: Option<Images>,
    /// How far it is, where this is a core dump.
    pub dump: Option<Arc<Dump>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Told how far a dump is.
pub type DumpWatch = dyn Fn(u64, u64) -> bool + Send + Sync;

/// A core dump under way.
pub struct Dump {
    /// Told how many frames of how many were looked at; says whether to go on.
    pub watch: Arc<DumpWatch>,
    /// What was written.
    pub written: Mutex<Option<Dumped>>,
}

/// A config's files, opened.
#[derive(Clone, Debug)]
pub struct Images {
    /// The kernel.
    pub kernel: KernelImage,
    /// The initial ramdisk.
    pub initrd: Option<Initrd>,
}
