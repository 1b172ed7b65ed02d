//! Opening the engine on a host whose release is known.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xen_guest::cache::Cache;
use xen_guest::loader::Loader;
use xen_guest::loader::decompress::Limits;
use xen_hv::{ForeignMemory, Xen};
use xenith_api::latest::{Code, Problem};

use super::Engine;
use crate::clock::Clock;
use crate::facts::HostFacts;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::record::Records;
use crate::run::Hook;
use crate::store::Stores;
use crate::world::World;

/// An engine's surroundings.
pub struct EngineConfig {
    /// The way to Xen.
    pub xen: Xen,
    /// The way to other domains' memory.
    pub memory: Arc<dyn ForeignMemory>,
    /// Connections to the store.
    pub stores: Stores,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Asked between any two effects.
    pub hook: Arc<dyn Hook>,
    /// Where journal and records are: `/run/xenith`.
    pub run_dir: PathBuf,
    /// Where unpacked kernels are kept, and how much of them in bytes; none for no cache.
    pub cache: Option<(PathBuf, u64)>,
}

impl Engine {
    /// Asks Xen for the host's facts and opens journal and records.
    pub fn open(config: EngineConfig) -> Result<Engine, Problem> {
        let host = HostFacts::gather(&config.xen).map_err(|error| Fault::from(error).problem("host", None))?;
        let journal = in_dir(config.run_dir.join("journal"), Journal::open)?;
        let records = in_dir(config.run_dir.join("domains"), Records::open)?;
        let EngineConfig { xen, memory, stores, clock, hook, cache, .. } = config;
        let world = World { xen, memory, stores, records, images: None, dump: None, clock };
        Ok(Engine { world, journal, host, loader: loader(cache), hook })
    }
}

fn in_dir<T>(path: PathBuf, open: impl FnOnce(&Path) -> io::Result<T>) -> Result<T, Problem> {
    open(&path).map_err(|error| {
        let subject = path.display().to_string();
        let title = format!("{subject}: {error}");
        let code = if error.kind() == io::ErrorKind::PermissionDenied { Code::NotPermitted } else { Code::Internal };
        Problem::new(code, subject, title, "see that the directory can be written; run it as root")
    })
}

/// A cache that cannot be used costs time and nothing else.
fn loader(cache: Option<(PathBuf, u64)>) -> Loader {
    let cache = cache.and_then(|(path, bytes)| match Cache::open(&path, bytes) {
        Ok(cache) => Some(cache),
        Err(error) => {
            tracing::warn!("{error}; kernels are unpacked anew for each domain");
            None
        }
    });
    Loader::new(cache, Limits::default())
}
