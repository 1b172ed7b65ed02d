//! What a control is started with: its ways to the host, and where its files are.

use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;
use xen_hv::{ForeignMemory, Hypercalls};
use xenith_engine::clock::Clock;
use xenith_engine::run::{Always, Hook};
use xenith_engine::store::Connect;

/// Gives unique ids.
pub type FreshIds = dyn Fn() -> Uuid + Send + Sync;

/// A control's surroundings.
#[derive(Clone)]
pub struct ControlConfig {
    /// The way to Xen.
    pub hypercalls: Arc<dyn Hypercalls>,
    /// The way to other domains' memory.
    pub memory: Arc<dyn ForeignMemory>,
    /// Connects to the store.
    pub connect_store: Arc<Connect>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids of domains and operations.
    pub fresh_ids: Arc<FreshIds>,
    /// Asked between any two effects: for tests.
    pub hook: Arc<dyn Hook>,
    /// Where journal and records are: `/run/xenith`.
    pub run_dir: PathBuf,
    /// What outlives the host's boot: `/var/lib/xenith`.
    pub state_dir: PathBuf,
    /// Where unpacked kernels are kept: `/var/cache/xenith/kernels`; none for no cache.
    pub cache_dir: Option<PathBuf>,
    /// How much of them is kept, in bytes.
    pub cache_bytes: u64,
    /// How much data a core dump may hold, in bytes; pages of zeroes take no room.
    pub dump_limit_bytes: u64,
    /// The console role's socket: `/run/xenith/console.sock`.
    pub console_socket: PathBuf,
    /// Where processes are: `/proc`.
    pub proc_dir: PathBuf,
    /// Where libxl keeps its records of domains: `/var/lib/xen`.
    pub libxl_dir: PathBuf,
}

/// How much of unpacked kernels is kept unless something else is said: about eight of Debian's.
pub const CACHE_BYTES: u64 = 512 << 20;

/// How much data a core dump may hold unless something else is said.
pub const DUMP_LIMIT_BYTES: u64 = 64 << 30;

impl ControlConfig {
    /// The usual surroundings below a run directory, on these ways to the host.
    #[must_use]
    pub fn new(
        hypercalls: Arc<dyn Hypercalls>,
        memory: Arc<dyn ForeignMemory>,
        connect_store: Arc<Connect>,
        clock: Arc<dyn Clock>,
        run_dir: PathBuf,
    ) -> ControlConfig {
        ControlConfig {
            hypercalls,
            memory,
            connect_store,
            clock,
            fresh_ids: Arc::new(Uuid::new_v4),
            hook: Arc::new(Always),
            console_socket: run_dir.join("console.sock"),
            state_dir: run_dir.join("state"),
            run_dir,
            proc_dir: PathBuf::from("/proc"),
            libxl_dir: PathBuf::from("/var/lib/xen"),
            cache_dir: None,
            cache_bytes: CACHE_BYTES,
            dump_limit_bytes: DUMP_LIMIT_BYTES,
        }
    }
}
