//! Stored configs: one file for each, which outlives the host's boot.
//!
//! ```text
//!   /var/lib/xenith/configs/NAME.json     {"version":1,"config":{...}}; written beside, synced, renamed
//!        |  ^
//!        v  | replace, remove: the condition is looked at and the file written under one lock
//!   Configs: by name
//! ```
//!
//! Creating a domain reads the table and writes nothing.

mod condition;
mod file;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use xenith_api::latest::problem::shorten;
use xenith_api::latest::{Code, DomainConfig, Problem};

use crate::problem;
pub use condition::Condition;

/// One stored config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its uuid is always there.
    pub(crate) config: DomainConfig,
    pub(crate) uuid: Uuid,
    pub(crate) etag: String,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Configs {
    dir: PathBuf,
    all: Mutex<BTreeMap<String, Arc<Stored>>>,
}

impl Configs {
    /// Reads the directory, which is made where it is missing. A file that cannot be read is named in the log, and left alone.
    pub(crate) fn open(dir: &Path) -> io::Result<Configs> {
        let all = file::load(dir)?.into_iter().filter_map(Stored::new).map(|one| (one.config.name.clone(), Arc::new(one))).collect();
        Ok(Configs { dir: dir.to_owned(), all: Mutex::new(all) })
    }

    pub(crate) fn all(&self) -> Vec<Arc<Stored>> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Stored>> {
        self.lock().get(name).cloned()
    }

    pub(crate) fn get(&self, name: &str) -> Result<Arc<Stored>, Problem> {
        self.find(name).ok_or_else(|| missing(name))
    }

    /// Stores a config in place of the one of its name; whether it is the first. `uuid` is for one that has none, neither here nor stored.
    pub(crate) fn replace(&self, config: DomainConfig, uuid: Uuid, condition: &Condition) -> Result<(Arc<Stored>, bool), Problem> {
        let mut all = self.lock();
        let old = all.get(&config.name).cloned();
        condition.replace(&config.name, old.as_ref().map(|old| old.etag.as_str()))?;
        let uuid = config.uuid.or(old.as_ref().map(|old| old.uuid)).unwrap_or(uuid);
        if let Some(other) = all.values().find(|other| other.uuid == uuid && other.config.name != config.name) {
            let detail = format!("config {}: the uuid {uuid} is that of the stored config {}", config.name, other.config.name);
            return Err(Problem::new(Code::NameInUse, format!("config {}", config.name), detail, "choose another, or leave it out"));
        }
        let new = Arc::new(Stored::with(config, uuid));
        if old.as_ref() != Some(&new) {
            file::write(&self.dir, &new.config).map_err(|error| unwritable(&new.config.name, &error))?;
            all.insert(new.config.name.clone(), Arc::clone(&new));
        }
        Ok((new, old.is_none()))
    }

    pub(crate) fn remove(&self, name: &str, condition: &Condition) -> Result<Arc<Stored>, Problem> {
        let mut all = self.lock();
        let old = all.get(name).cloned();
        condition.holds(&shorten(name), old.as_ref().map(|old| old.etag.as_str()))?;
        let old = old.ok_or_else(|| missing(name))?;
        file::remove(&self.dir, name).map_err(|error| unwritable(name, &error))?;
        all.remove(name);
        Ok(old)
    }

    /// Whether a domain may be called so: the config of that name, where one is stored, is its own.
    pub(crate) fn may_rename(&self, to: &str, uuid: Uuid) -> Result<(), Problem> {
        match self.find(to).filter(|stored| stored.uuid != uuid) {
            Some(_) => Err(name_taken(to)),
            None => Ok(()),
        }
    }

    /// Stores the config of this uuid, where there is one, under another name. What an earlier try left half done is finished.
    pub(crate) fn rename(&self, uuid: Uuid, to: &str) -> Result<(), Problem> {
        let mut all = self.lock();
        if all.get(to).is_some_and(|stored| stored.uuid != uuid) {
            return Err(name_taken(to));
        }
        let old: Vec<String> =
            all.iter().filter(|(name, stored)| stored.uuid == uuid && *name != to).map(|(name, _)| name.clone()).collect();
        for name in old {
            let Some(stored) = all.get(&name).cloned() else { continue };
            let new = Arc::new(Stored::with(DomainConfig { name: to.to_owned(), ..stored.config.clone() }, uuid));
            file::write(&self.dir, &new.config).map_err(|error| unwritable(to, &error))?;
            all.insert(to.to_owned(), new);
            file::remove(&self.dir, &name).map_err(|error| unwritable(&name, &error))?;
            all.remove(&name);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Stored>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    fn new(config: DomainConfig) -> Option<Stored> {
        let uuid = config.uuid?;
        Some(Stored::with(config, uuid))
    }

    fn with(mut config: DomainConfig, uuid: Uuid) -> Stored {
        config.uuid = Some(uuid);
        let etag = etag(&config);
        Stored { config, uuid, etag }
    }
}

/// The same config is the same version, also for the next daemon.
fn etag(config: &DomainConfig) -> String {
    let hash = blake3::hash(&serde_json::to_vec(config).unwrap_or_default()).to_hex();
    format!("\"{}\"", hash.get(..16).unwrap_or_default())
}

fn missing(name: &str) -> Problem {
    let name = shorten(name);
    let detail = format!("config {name}: none of this name is stored");
    Problem::new(Code::ConfigNotFound, format!("config {name}"), detail, "look with `xenith config list`")
}

fn name_taken(name: &str) -> Problem {
    let name = shorten(name);
    let detail = format!("config {name}: one is stored that is another domain's");
    Problem::new(Code::NameInUse, format!("config {name}"), detail, "choose another name, or remove that config first")
}

fn unwritable(name: &str, error: &io::Error) -> Problem {
    problem::internal(&format!("config {name}"), format!("config {name}: its file cannot be changed: {error}"))
}

#[cfg(test)]
mod tests;
