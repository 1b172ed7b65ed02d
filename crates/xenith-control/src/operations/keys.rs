//! Idempotency keys: what a caller's key was used for, kept in `/run/xenith/keys` so that a retry after a kill does nothing twice.
//!
//! The file of a key is there before anything is done, with the identity that the domain will have; it is marked when it was done. A create is whole or not
//! there, so one that is not marked and whose domain is not there is done again under the same identity.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A caller's key with what it was sent for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The file's name: callers do not see each other's keys.
    name: String,
    pub(super) fingerprint: String,
}

impl Key {
    /// The key of this caller for this path and body.
    #[must_use]
    pub fn new(uid: u32, text: &[u8], path: &str, body: &[u8]) -> Key {
        let name = hex(&[&uid.to_le_bytes(), text]);
        // No path has a line's end in it.
        Key { name, fingerprint: hex(&[path.as_bytes(), b"\n", body]) }
    }
}

fn hex(parts: &[&[u8]]) -> String {
    let mut hash = blake3::Hasher::new();
    parts.iter().for_each(|part| _ = hash.update(part));
    hash.finalize().to_string()
}

/// The domain that a request with a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Of {
    /// Its identity: the one that it will have, or has.
    pub uuid: Uuid,
    /// The number that it had when the request began, where it was there.
    #[serde(default)]
    pub domid: Option<u16>,
}

/// What is kept of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) operation: Uuid,
    #[serde(flatten)]
    pub(super) of: Of,
    pub(super) fingerprint: String,
    pub(super) done: bool,
    pub(super) begun_s: u64,
}

/// The directory of keys.
#[derive(Debug)]
pub(super) struct Keys {
    dir: PathBuf,
}

/// How long a key is kept.
const DAY: u64 = 24 * 3600;
/// How many are kept before the old ones are looked for.
const MANY: usize = 2000;

impl Keys {
    pub(super) fn open(dir: &Path) -> io::Result<Keys> {
        std::fs::create_dir_all(dir)?;
        Ok(Keys { dir: dir.to_owned() })
    }

    pub(super) fn get(&self, key: &Key) -> Option<Kept> {
        serde_json::from_slice(&std::fs::read(self.dir.join(&key.name)).ok()?).ok()
    }

    pub(super) fn is_old(&self, kept: &Kept, now: Duration) -> bool {
        now.as_secs().saturating_sub(kept.begun_s) > DAY
    }

    pub(super) fn put(&self, key: &Key, kept: &Kept) -> io::Result<()> {
        self.sweep(kept.begun_s)?;
        let beside = self.dir.join(format!("{}.new", key.name));
        std::fs::write(&beside, serde_json::to_vec(kept)?)?;
        std::fs::rename(beside, self.dir.join(&key.name))
    }

    pub(super) fn remove(&self, key: &Key) {
        let _ = std::fs::remove_file(self.dir.join(&key.name));
    }

    fn sweep(&self, now: u64) -> io::Result<()> {
        let files: Vec<PathBuf> = std::fs::read_dir(&self.dir)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        if files.len() < MANY {
            return Ok(());
        }
        for file in files {
            let kept: Option<Kept> = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            if kept.is_none_or(|kept| now.saturating_sub(kept.begun_s) > DAY) {
                let _ = std::fs::remove_file(file);
            }
        }
        Ok(())
    }
}
