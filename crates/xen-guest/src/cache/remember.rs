//! The digest of a bzImage, remembered while the file stays the same.

use std::time::{Duration, SystemTime};

use super::{Cache, Digest};
use crate::loader::open::Identity;

/// A file that changed less than this ago may change again within the same tick of its clock, unseen.
const SETTLED: Duration = Duration::from_secs(2);

impl Cache {
    /// The digest of a file, if it has not changed since it was remembered.
    #[must_use]
    pub fn remembered(&self, file: &Identity) -> Option<Digest> {
        let text = self.read_text(&name(file))?;
        let (version, digest) = text.trim_end().rsplit_once(' ')?;
        (version == version_of(file)).then_some(())?;
        Digest::parse(digest)
    }

    /// Remembers the digest of a file that has been as it is for a while.
    pub fn remember(&self, file: &Identity, digest: &Digest) {
        if settled(file, SystemTime::now()) {
            // If it cannot be written the file is read again next time: a loss of time only.
            let _ = self.write_text(&name(file), &format!("{} {digest}\n", version_of(file)));
        }
    }
}

fn name(file: &Identity) -> String {
    format!("{:x}-{:x}.src", file.device, file.inode)
}

fn version_of(file: &Identity) -> String {
    format!("2 {} {} {}", file.bytes, file.ctime_s, file.ctime_ns)
}

fn settled(file: &Identity, now: SystemTime) -> bool {
    let Ok(seconds) = u64::try_from(file.ctime_s) else {
        return false;
    };
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    now.duration_since(changed).is_ok_and(|age| age > SETTLED + Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settled_files_are_remembered() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        for (ctime_s, expected) in [(990, true), (996, true), (998, false), (1000, false), (2000, false), (-5, false)] {
            let file = Identity { device: 1, inode: 2, bytes: 3, ctime_s, ctime_ns: 0 };
            assert_eq!(settled(&file, now), expected, "{ctime_s}");
        }
    }
}
