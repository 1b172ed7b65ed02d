//! What the steps work on.

use std::sync::Arc;

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
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A config's files, opened.
#[derive(Clone, Debug)]
pub struct Images {
    /// The kernel.
    pub kernel: KernelImage,
    /// The initial ramdisk.
    pub initrd: Option<Initrd>,
}
