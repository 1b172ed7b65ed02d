//! Starting: who is Xen, what was left, which domains are ours.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock};

use tokio::sync::watch;
use xen_hv::{Negotiated, Xen, negotiate};
use xenith_api::latest::{EventKind, Problem};
use xenith_engine::Engine;
use xenith_engine::engine::EngineConfig;
use xenith_engine::journal::Operation;
use xenith_engine::store::Stores;

use super::create::created;
use super::limited::Limited;
use super::{Control, Mode};
use crate::config::ControlConfig;
use crate::configs::Configs;
use crate::crashes::Crashes;
use crate::log::{Draft, EventLog};
use crate::operations::Operations;
use crate::problem;
use crate::registry::Registry;

impl Control {
    /// Starts on a host: fails where no hypervisor answers or where our directories cannot be used. What an earlier daemon left half done is
    /// finished or taken back before this returns, as far as the store can be reached.
    pub fn start(config: ControlConfig) -> Result<Control, Problem> {
        let stores = Stores::new(config.connect_store.clone());
        let negotiated = negotiate(&*config.hypercalls).map_err(|error| problem::negotiation(&error))?;
        let mode = match negotiated {
            Negotiated::Full(release) => {
                let xen = Xen::new(config.hypercalls.clone(), release);
                Mode::Full(Box::new(engine(&config, xen, stores.clone())?))
            }
            Negotiated::StableOnly(stable) => {
                tracing::warn!("{}", stable.report);
                Mode::Limited(Limited { stable, stores: stores.clone() })
            }
        };
        let dir = config.state_dir.join("events");
        let events = EventLog::open(&dir).map_err(|error| problem::internal("events", format!("events {}: {error}", dir.display())))?;
        let operations = Operations::open(&config.run_dir.join("keys"), config.clock.clone())
            .map_err(|error| problem::internal("operations", format!("keys of operations: {error}")))?;
        let dir = config.state_dir.join("configs");
        let configs = Configs::open(&dir).map_err(|error| problem::internal("configs", format!("configs {}: {error}", dir.display())))?;
        let dir = config.state_dir.join("crashes");
        let crashes = Crashes::open(&dir).map_err(|error| problem::internal("crashes", format!("crashes {}: {error}", dir.display())))?;
        let mut control = Control {
            clock: config.clock,
            events,
            operations,
            configs,
            crashes,
            run_dir: config.run_dir,
            state_dir: config.state_dir,
            dump_limit_bytes: config.dump_limit_bytes,
            mode,
            stores,
            registry: Registry::default(),
            fresh_ids: config.fresh_ids,
            console_socket: config.console_socket,
            proc_dir: config.proc_dir,
            libxl_dir: config.libxl_dir,
            others: Mutex::default(),
            changes: watch::Sender::new(0),
            skeleton: AtomicBool::new(false),
            mitigations: OnceLock::new(),
            stopped: Mutex::new(HashMap::new()),
        };
        control.keep_mitigations();
        control.recover_and_load()?;
        control.tell_what_was_missed();
        Ok(control)
    }

    fn recover_and_load(&mut self) -> Result<(), Problem> {
        let Mode::Full(engine) = &self.mode else { return Ok(()) };
        self.make_skeleton();
        self.recover(engine);
        let records = &engine.world.records;
        let (own, unreadable) = records.load().map_err(|error| problem::internal("records", format!("records of domains: {error}")))?;
        for path in unreadable {
            tracing::error!("record {}: not readable; see what it says and remove it", path.display());
        }
        self.registry = Registry::new(own);
        for record in self.registry.all_own() {
            self.config_follows(record.uuid, &record.config.name);
        }
        // What could not be finished keeps its name and uuid until it is.
        let (left, _) = engine.journal.unfinished().map_err(|error| problem::internal("journal", format!("journal: {error}")))?;
        for one in &left {
            self.keep_reserved(&one.operation);
        }
        Ok(())
    }

    /// What a kill kept the last daemon from telling: the log says what was there, the records what is.
    fn tell_what_was_missed(&self) {
        let standing = self.events.standing();
        let mut drafts = vec![Draft::new(EventKind::ControlStarted, format!("control {} started", env!("CARGO_PKG_VERSION")))];
        let own = self.registry.all_own();
        for (uuid, domain) in &standing.domains {
            if !own.iter().any(|record| record.uuid == *uuid) {
                drafts.push(Draft::new(EventKind::DomainDestroyed, "gone while control was down").domain(
                    &domain.name,
                    domain.domid,
                    *uuid,
                ));
            }
        }
        for record in own {
            // What came before the oldest event that is kept was told once.
            if standing.before == 0 || standing.since_ms.is_none_or(|since| record.created_ms >= since) {
                drafts.push(created(&record));
            }
        }
        for (id, event) in &standing.operations {
            let domain = event.domain.as_ref();
            let there = domain.is_some_and(|domain| self.registry.own(domain.uuid).is_some());
            let outcome = if there { "its domain is there" } else { "its domain is not there" };
            let draft = Draft::new(EventKind::OperationEnded, format!("ended by control's restart: {outcome}")).operation(*id);
            drafts.push(match domain {
                Some(domain) => draft.domain(&domain.name, domain.domid, domain.uuid),
                None => draft,
            });
        }
        self.tell(drafts);
    }

    fn keep_reserved(&self, operation: &Operation) {
        if let Operation::Create(entry) = operation {
            // In use already where its record was written: just as good.
            let _ = self.registry.reserve(&entry.config.name, entry.uuid);
        }
    }
}

fn engine(config: &ControlConfig, xen: Xen, stores: Stores) -> Result<Engine, Problem> {
    Engine::open(EngineConfig {
        xen,
        memory: config.memory.clone(),
        stores,
        clock: config.clock.clone(),
        hook: config.hook.clone(),
        run_dir: config.run_dir.clone(),
        cache: config.cache_dir.clone().map(|dir| (dir, config.cache_bytes)),
    })
}
