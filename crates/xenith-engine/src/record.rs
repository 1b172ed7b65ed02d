//! What each running domain of ours was created from: one file per domain, so that a control that starts again knows its domains.
//!
//! ```text
//!   /run/xenith/domains/<uuid>.json      written beside and renamed; gone with the domain
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xenith_api::latest::DomainConfig;

use crate::journal::Identity;

/// One domain of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainRecord {
    /// Its identity.
    pub uuid: Uuid,
    /// The number that it has.
    pub domid: u16,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: u64,
    /// How many times in a row it was restarted soon after its creation.
    pub quick_restarts: u32,
    /// It is left stopped, whatever its config wants: it restarted too often, or was kept when its successor was created.
    #[serde(default)]
    pub held: bool,
    /// What it was created from.
    pub config: DomainConfig,
}

impl DomainRecord {
    /// The same domain under another name, or with another uuid: then it is the one that was kept beside its successor.
    #[must_use]
    pub fn renamed(&self, from: &Identity, to: &Identity) -> DomainRecord {
        let uuid = self.config.uuid.map(|_| to.uuid);
        let config = DomainConfig { name: to.name.clone(), uuid, ..self.config.clone() };
        DomainRecord { uuid: to.uuid, held: self.held || from.uuid != to.uuid, config, ..self.clone() }
    }

    /// How long ago it was created; zero where the clock was set back since.
    #[must_use]
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_millis(self.created_ms))
    }
}

/// The directory of records.
#[derive(Clone, Debug)]
pub struct Records {
    dir: PathBuf,
}

impl Records {
    /// The records in this directory, which is made where it is missing.
    pub fn open(dir: &Path) -> io::Result<Records> {
        fs::create_dir_all(dir)?;
        Ok(Records { dir: dir.to_owned() })
    }

    /// Keeps a record in place of the one of the same uuid.
    pub fn save(&self, record: &DomainRecord) -> io::Result<()> {
        let beside = self.dir.join(format!("{}.new", record.uuid));
        fs::write(&beside, serde_json::to_vec(record)?)?;
        fs::rename(beside, self.path(record.uuid))
    }

    /// Forgets a domain; one that is not there is no error.
    pub fn remove(&self, uuid: Uuid) -> io::Result<()> {
        match fs::remove_file(self.path(uuid)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Every record, and the files that are none. What a kill left half written is removed.
    pub fn load(&self) -> io::Result<(Vec<DomainRecord>, Vec<PathBuf>)> {
        let (mut records, mut unreadable) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "new") {
                fs::remove_file(&path)?;
                continue;
            }
            match serde_json::from_slice(&fs::read(&path)?) {
                Ok(record) => records.push(record),
                Err(_) => unreadable.push(path),
            }
        }
        Ok((records, unreadable))
    }

    fn path(&self, uuid: Uuid) -> PathBuf {
        self.dir.join(format!("{uuid}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> DomainRecord {
        let config = r#"{"name":"web","memory":"64MiB","boot":{"kernel":"/k"}}"#;
        let config = serde_json::from_str(config).expect("a config");
        DomainRecord { uuid: Uuid::from_u128(1), domid: 5, created_ms: 1000, quick_restarts: 0, held: false, config }
    }

    #[test]
    fn records_are_kept_until_they_are_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let records = Records::open(dir.path()).expect("opens");
        records.save(&record()).expect("saves");
        let later = DomainRecord { domid: 6, ..record() };
        records.save(&later).expect("saves");
        assert_eq!(records.load().expect("loads"), (vec![later], vec![]));
        records.remove(record().uuid).expect("removes");
        records.remove(record().uuid).expect("removes again");
        assert_eq!(records.load().expect("loads"), (vec![], vec![]));
    }

    #[test]
    fn leftovers_of_a_kill_go_and_strangers_are_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let records = Records::open(dir.path()).expect("opens");
        fs::write(dir.path().join("x.new"), "{").expect("writes");
        fs::write(dir.path().join("x.json"), "{").expect("writes");
        assert_eq!(records.load().expect("loads"), (vec![], vec![dir.path().join("x.json")]));
        assert!(!dir.path().join("x.new").exists());
    }

    #[test]
    fn age_survives_a_clock_that_goes_back() {
        assert_eq!(record().age(Duration::from_secs(3)), Duration::from_secs(2));
        assert_eq!(record().age(Duration::ZERO), Duration::ZERO);
    }
}
