//! Paths: what is valid, and the one place where the store's layout is spelled.
//!
//! ```text
//!   /local/domain/N      DomainPaths      the domain's own directory      /vm/UUID        VmPaths
//!     device/vbd/51712   DevicePaths      its frontends                   /libxl/N        LibxlPaths    what the toolstack keeps to itself
//!     backend/vbd/M/...  DevicePaths      backends it serves              /tool/...       tool          the daemons
//!   /local/pool/P        PoolPaths        CPU pools                       @releaseDomain  watch only
//! ```
//!
//! No other module or crate may hold a path literal (`cargo xtask tidy`): a new node gets its constructor here.
//! Layout facts: docs/misc/xenstore-paths.pandoc and what libxl of 4.14 to 4.22 writes.

mod device;
mod domain;
mod libxl;
mod store_path;
pub mod tool;
mod vm;

use xen_abi::DomId;

pub use device::{DeviceKind, DevicePaths, backend, backend_root, frontend, frontend_root};
pub use domain::{DomainPaths, domain, domains};
pub use libxl::{LibxlPaths, libxl};
pub(crate) use store_path::components;
pub use store_path::{PathError, StorePath};
pub use vm::{PoolPaths, VmPaths, pool, pools, vm};

/// Watch this to learn of new domains (privileged readers, or whom its permissions name).
pub const INTRODUCE_DOMAIN: &str = "@introduceDomain";
/// Watch this to learn of domains that shut down or went away.
pub const RELEASE_DOMAIN: &str = "@releaseDomain";

/// The domid in a path below `/local/domain`, where there is one: what a watch event tells about whom.
#[must_use]
pub fn domid_of(path: &str) -> Option<DomId> {
    let mut parts = components(path);
    let home = (parts.next()?, parts.next()?) == ("local", "domain");
    let domid = parts.next()?.parse().ok()?;
    home.then_some(DomId(domid))
}

/// Makes a struct of paths below one base, with a method per node.
macro_rules! nodes {
    ($(#[$doc:meta])* $name:ident { $($(#[$node_doc:meta])* $node:ident => $below:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name($crate::path::StorePath);

        impl $name {
            /// The directory itself.
            #[must_use]
            pub fn root(&self) -> &$crate::path::StorePath { &self.0 }

            $($(#[$node_doc])*
            #[must_use]
            pub fn $node(&self) -> $crate::path::StorePath { self.0.below($below) })*
        }
    };
}
use nodes;
