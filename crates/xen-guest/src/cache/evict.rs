//! Keeping the directory within its bound: the entries that were used longest ago go first, and what dead processes left goes too.

use std::io;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, Stat, statat};

use super::{Cache, Digest};

/// A draft older than this belongs to a process that died: unpacking takes seconds.
const ABANDONED: Duration = Duration::from_secs(3600);
/// The digests of this many bzImages are remembered; the oldest go first.
const MAX_REMEMBERED: usize = 256;

struct Kept {
    digest: Digest,
    bytes: u64,
    used: (i64, u64),
}

impl Cache {
    /// Removes entries until the rest fits, oldest use first.
    pub(super) fn evict(&self) {
        // A directory that cannot be listed is tried again at the next draft.
        let Ok(names) = self.names() else { return };
        self.sweep(&names);
        let mut kept: Vec<Kept> = names.iter().filter_map(|name| self.kept_entry(name)).collect();
        // One that is larger than everything allowed would only push the others out.
        kept.sort_by_key(|entry| (entry.bytes <= self.limit_bytes, entry.used));
        let mut total: u64 = kept.iter().map(|entry| entry.bytes).sum();
        for entry in kept {
            if total <= self.limit_bytes {
                return;
            }
            self.discard(&entry.digest);
            total -= entry.bytes;
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.dir)? {
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(names)
    }

    fn stat(&self, name: &str) -> Option<Stat> {
        statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    }

    fn kept_entry(&self, name: &str) -> Option<Kept> {
        let packed = name.strip_suffix(".elf")?;
        // An entry whose record is not there yet counts as just used: another process may be keeping it right now.
        let used = self.stat(&format!("{packed}.rec")).map_or((i64::MAX, 0), |stat| (stat.st_mtime, stat.st_mtime_nsec));
        Some(Kept { digest: Digest::parse(packed)?, bytes: u64::try_from(self.stat(name)?.st_size).ok()?, used })
    }

    fn sweep(&self, names: &[String]) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut remembered = Vec::new();
        for name in names {
            let Some(stat) = self.stat(name) else { continue };
            if name.starts_with(".tmp-") {
                let age_s = now.as_secs().saturating_sub(u64::try_from(stat.st_mtime).unwrap_or(0));
                if age_s > ABANDONED.as_secs() {
                    self.remove(name);
                }
            } else if name.ends_with(".src") {
                remembered.push((stat.st_mtime, name));
            }
        }
        remembered.sort();
        let surplus = remembered.len().saturating_sub(MAX_REMEMBERED);
        for (_, name) in remembered.into_iter().take(surplus) {
            self.remove(name);
        }
    }
}
