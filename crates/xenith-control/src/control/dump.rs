//! Core dumps that somebody asks for, and those that a domain's config wants when it stops.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use xenith_api::calendar::Utc;
use xenith_api::latest::{Code, CoreDump, DumpRequest, EventKind, OperationKind, Problem};
use xenith_engine::Engine;
use xenith_engine::engine::Dumped;
use xenith_engine::journal::DumpEntry;
use xenith_engine::record::DomainRecord;

use super::Control;
use super::lifecycle::guest;
use super::reap::OURSELVES;
use crate::log::Draft;
use crate::operations::{Done, Op};

impl Control {
    /// Writes a domain's memory and registers to a file.
    pub fn dump_core(&self, id: &str, request: &DumpRequest, op: &Arc<Op>) -> Result<CoreDump, Problem> {
        let engine = self.engine()?;
        let found = guest(self.find(engine, id)?)?;
        let held = self.registry.hold(found.uuid());
        let found = guest(self.find_again(engine, &found)?)?;
        let (name, domid, uuid) = (&found.name, found.domid().0, found.uuid());
        let path = match &request.path {
            Some(path) => good(path)?,
            None => self.dump_path(name, domid)?,
        };
        let pause = found.seen.info.shutdown.is_none() && !found.seen.info.paused;
        let limit_bytes = self.dump_limit_bytes;
        let dumped = self.dump(engine, &DumpEntry { uuid, domid, name: name.clone(), path, limit_bytes, pause }, op);
        drop(held);
        dumped
    }

    /// The core dump of a domain of ours that stopped, as an operation that can be followed and cancelled. One that fails keeps nothing from
    /// being done.
    pub(super) fn dump_stopped(&self, engine: &Engine, record: &DomainRecord) -> Option<String> {
        let held = self.registry.hold(record.uuid);
        if self.registry.own(record.uuid).as_deref() != Some(record) {
            return None;
        }
        let DomainRecord { uuid, domid, ref config, .. } = *record;
        let (name, limit_bytes) = (config.name.clone(), self.dump_limit_bytes);
        let op = self.begin(OperationKind::DumpCore, &name, OURSELVES);
        let dumped = self.dump_path(&name, domid).and_then(|path| {
            let entry = DumpEntry { uuid, domid, name, path, limit_bytes, pause: false };
            self.dump(engine, &entry, &op)
        });
        drop(held);
        let path = dumped.as_ref().map(|core| core.path.clone()).inspect_err(|problem| tracing::error!("{problem}")).ok();
        self.operations().end(&op, dumped.map(Done::Dumped));
        path
    }

    /// Writes it, and tells of it.
    fn dump(&self, engine: &Engine, entry: &DumpEntry, op: &Arc<Op>) -> Result<CoreDump, Problem> {
        let DumpEntry { uuid, domid, ref name, .. } = *entry;
        self.tell(vec![op.started().domain(name, Some(domid), uuid)]);
        let watched = Arc::clone(op);
        let dumped = engine.dump(op.id, entry, &**op, Arc::new(move |done, of| watched.part(done, of)));
        let dumped = dumped.map(|dumped| told(&entry.path, dumped));
        let (told, ended) = match &dumped {
            Ok(core) => (written(name, domid, core), op.ended(None)),
            Err(problem) => (format!("d{domid} {name}: no core dump: {problem}"), op.ended(Some(problem))),
        };
        let told = Draft::new(EventKind::CoreDumped, told).domain(name, Some(domid), uuid).operation(op.id).caller(&op.caller);
        self.tell(vec![told, ended]);
        dumped
    }

    /// A file that is not there yet, in the directory of dumps.
    fn dump_path(&self, name: &str, domid: u16) -> Result<PathBuf, Problem> {
        let dir = self.state_dir.join("dumps");
        std::fs::create_dir_all(&dir).map_err(|error| {
            let (subject, advice) = (dir.display().to_string(), "see that the directory of dumps can be made, or name a file");
            Problem::new(Code::DumpFailed, subject.clone(), format!("core dump {subject}: {error}"), advice)
        })?;
        let stamp = Utc::of(self.clock.since_epoch().as_secs()).stamp();
        let base = format!("{}-d{domid}-{stamp}", name.replace('/', "_"));
        let names = std::iter::once(base.clone()).chain((2..).map(|count| format!("{base}.{count}")));
        let mut paths = names.map(|name| dir.join(name + ".core"));
        Ok(paths.find(|path| !path.exists()).unwrap_or_else(|| dir.join(base)))
    }
}

/// Where a caller may have a dump.
fn good(path: &str) -> Result<PathBuf, Problem> {
    let path = PathBuf::from(path);
    match () {
        () if !path.is_absolute() => Err(refused(&path, "it is not an absolute path")),
        () if path.extension().is_some_and(|ending| ending == "part") => {
            Err(refused(&path, "its name ends like an unfinished dump's, .part"))
        }
        () if path.exists() => Err(refused(&path, "there is something of this name")),
        () => Ok(path),
    }
}

fn refused(path: &Path, why: &str) -> Problem {
    let subject = path.display().to_string();
    let detail = format!("core dump {subject}: {why}");
    Problem::new(Code::DumpPathInvalid, subject, detail, "name a new file by its whole path, or none")
}

fn told(path: &Path, dumped: Dumped) -> CoreDump {
    CoreDump { path: path.display().to_string(), pages: dumped.pages, filled: dumped.filled, bytes: dumped.bytes }
}

fn written(name: &str, domid: u16, core: &CoreDump) -> String {
    format!("d{domid} {name}: core dump {}, {} of {} pages hold something", core.path, core.filled, core.pages)
}
