//! The core of the role: synchronous, shared between threads, without sockets.
//!
//! ```text
//!   start --> negotiate --> Full: Engine, recover       every call
//!                      \--> StableOnly: names and states from the store; no create
//! ```

mod adopt;
pub mod autostart;
mod console;
mod cpupools;
mod crash;
mod create;
mod doctor;
mod dump;
mod find;
mod host;
mod lifecycle;
mod limited;
mod list;
mod metrics;
mod observe;
mod reap;
mod rename;
mod resize;
mod restart;
mod start;
mod store;
mod stored;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::watch;
use uuid::Uuid;
use xenith_api::latest::{OperationKind, Problem, Role, Root};
use xenith_engine::Engine;
use xenith_engine::clock::Clock;
use xenith_engine::store::Stores;

use crate::config::FreshIds;
use crate::configs::Configs;
use crate::crashes::Crashes;
use crate::log::{Draft, EventLog};
use crate::operations::{Begun, Key, Of, Op, Operations};
use crate::registry::Registry;

use adopt::Others;
pub use console::ConsoleTarget;
pub use lifecycle::Stopping;
use limited::Limited;
use reap::Stopped;
pub(crate) use store::node_path;

/// The role's state.
pub struct Control {
    mode: Mode,
    stores: Stores,
    registry: Registry,
    fresh_ids: Arc<FreshIds>,
    clock: Arc<dyn Clock>,
    events: EventLog,
    operations: Operations,
    configs: Configs,
    crashes: Crashes,
    run_dir: PathBuf,
    state_dir: PathBuf,
    /// How much data a core dump may hold, in bytes.
    dump_limit_bytes: u64,
    console_socket: PathBuf,
    proc_dir: PathBuf,
    libxl_dir: PathBuf,
    others: Mutex<Others>,
    /// Counts what was noticed, so that whoever waits for a domain looks again.
    changes: watch::Sender<u64>,
    /// The directories that every domain's nodes stand in were made.
    skeleton: AtomicBool,
    /// What Xen's log of the boot told of its mitigations; later it may no longer be there.
    mitigations: OnceLock<Vec<String>>,
    /// Domains that stopped and wait for what their config says.
    stopped: Mutex<HashMap<Uuid, Stopped>>,
}

enum Mode {
    Full(Box<Engine>),
    Limited(Limited),
}

impl Control {
    /// Versions and features.
    #[must_use]
    pub fn root(&self) -> Root {
        let (xen_version, features) = match &self.mode {
            Mode::Full(engine) => (engine.host.version.clone(), FEATURES),
            Mode::Limited(limited) => (limited.version_text(), LIMITED_FEATURES),
        };
        Root {
            api_version: "v1".to_owned(),
            document_version: xenith_api::openapi::VERSION.to_owned(),
            role: Role::Viewer,
            daemon_version: env!("CARGO_PKG_VERSION").to_owned(),
            xen_version: Some(xen_version),
            features: features.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// Bumped whenever something about a domain was noticed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Connections to the store.
    #[must_use]
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// The event log.
    #[must_use]
    pub fn events(&self) -> &EventLog {
        &self.events
    }

    /// The operations under way, and those that ended not long ago.
    #[must_use]
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Begins an operation.
    pub fn begin(&self, kind: OperationKind, subject: &str, caller: &str) -> Arc<Op> {
        self.operations.begin((self.fresh_ids)(), kind, subject, caller)
    }

    /// Begins an operation, unless its key says that it was begun before. `of` is the domain that it is about, where that is known.
    pub fn begin_once(
        &self,
        kind: OperationKind,
        subject: &str,
        of: Option<Of>,
        caller: &str,
        key: Option<&Key>,
    ) -> Result<Begun, Problem> {
        match key {
            None => Ok(Begun::New(self.begin(kind, subject, caller))),
            Some(key) => {
                let of = of.unwrap_or_else(|| Of { uuid: (self.fresh_ids)(), domid: None });
                self.operations.begin_once((self.fresh_ids)(), of, kind, subject, caller, key)
            }
        }
    }

    /// The domain of a config as it is now, by name, domid or uuid, for [`Control::begin_once`]; none where there is none of ours.
    pub fn about(&self, id: &str) -> Option<Of> {
        let domain = self.get(id).ok()?;
        Some(Of { uuid: domain.uuid, domid: Some(domain.domid) })
    }

    /// A create that is only planned is nobody's operation.
    pub(crate) fn dry_run(&self) -> Op {
        Op::alone((self.fresh_ids)())
    }

    /// Lets those who wait look again.
    pub(crate) fn wake(&self) {
        self.changed();
    }

    pub(crate) fn fresh_id(&self) -> Uuid {
        (self.fresh_ids)()
    }

    /// Writes events.
    pub(crate) fn tell(&self, drafts: Vec<Draft>) {
        self.events.append(self.clock.since_epoch(), drafts);
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn engine(&self) -> Result<&Engine, Problem> {
        match &self.mode {
            Mode::Full(engine) => Ok(engine),
            Mode::Limited(limited) => Err(crate::problem::unknown_xen(&limited.stable)),
        }
    }
}

/// What this daemon can do.
const FEATURES: &[&str] = &[
    "adopt",
    "autostart",
    "console",
    "console-log",
    "cpupools",
    "crash-reports",
    "create",
    "destroy",
    "doctor",
    "dry-run",
    "dump-core",
    "events",
    "host-log",
    "idempotency-keys",
    "list",
    "metrics",
    "operations",
    "pause",
    "pvh",
    "reboot",
    "rename",
    "resize",
    "restart",
    "shutdown",
    "store",
    "stored-configs",
];
/// What it can do on a Xen that is not in the table.
const LIMITED_FEATURES: &[&str] = &["console", "console-log", "list", "shutdown", "store", "stored-configs"];
