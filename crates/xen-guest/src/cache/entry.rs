//! An entry: an unpacked kernel and the record that says why it can be trusted.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};
use tracing::warn;

use super::{Cache, Digest};

/// What is known of an unpacked kernel whose content was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    bytes: u64,
    inode: u64,
    ctime_s: i64,
    ctime_ns: i64,
    content: Digest,
}

impl Record {
    pub(super) fn of(metadata: &Metadata, content: Digest) -> Record {
        Record { bytes: metadata.len(), inode: metadata.ino(), ctime_s: metadata.ctime(), ctime_ns: metadata.ctime_nsec(), content }
    }

    fn text(&self) -> String {
        let Record { bytes, inode, ctime_s, ctime_ns, content } = self;
        format!("2 {bytes} {inode} {ctime_s} {ctime_ns} {content}\n")
    }

    fn parse(text: &str) -> Option<Record> {
        let mut words = text.split_ascii_whitespace();
        // The first word is the version of this format.
        words.next().filter(|version| *version == "2")?;
        Some(Record {
            bytes: words.next()?.parse().ok()?,
            inode: words.next()?.parse().ok()?,
            ctime_s: words.next()?.parse().ok()?,
            ctime_ns: words.next()?.parse().ok()?,
            content: Digest::parse(words.next()?)?,
        })
    }
}

impl Cache {
    /// The unpacked kernel of the bzImage with this digest, if an intact one is kept.
    #[must_use]
    pub fn find(&self, packed: &Digest) -> Option<File> {
        let file = self.open_file(&format!("{packed}.elf"))?;
        if self.verify(packed, &file).is_some() {
            return Some(file);
        }
        warn!("kernel cache: entry {packed} is damaged; it is unpacked again");
        self.discard(packed);
        None
    }

    fn verify(&self, packed: &Digest, file: &File) -> Option<()> {
        let recorded = Record::parse(&self.read_text(&record_name(packed))?)?;
        let now = Record::of(&file.metadata().ok()?, recorded.content);
        if now == recorded {
            self.mark_used(packed);
            return Some(());
        }
        // Same content, other inode: another process kept it at the same time, or the directory was copied.
        if now.bytes != recorded.bytes || content(file).ok()? != recorded.content {
            return None;
        }
        // Without a new record the next look computes the digest again: a loss of time only.
        let _ = self.write_record(packed, &now);
        Some(())
    }

    pub(super) fn write_record(&self, packed: &Digest, record: &Record) -> io::Result<()> {
        self.write_text(&record_name(packed), &record.text())
    }

    /// The record's mtime is when its entry was last used.
    fn mark_used(&self, packed: &Digest) {
        let time = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        let times = Timestamps { last_access: time(UTIME_OMIT), last_modification: time(UTIME_NOW) };
        // On failure the entry looks older than it is, and is evicted earlier.
        let _ = utimensat(&self.dir, record_name(packed), &times, AtFlags::SYMLINK_NOFOLLOW);
    }

    pub(super) fn discard(&self, packed: &Digest) {
        self.remove(&format!("{packed}.elf"));
        self.remove(&record_name(packed));
    }
}

fn record_name(packed: &Digest) -> String {
    format!("{packed}.rec")
}

/// Reads by offset: the file's own position stays where it was.
fn content(file: &File) -> io::Result<Digest> {
    let mut digest = blake3::Hasher::new();
    let mut chunk = vec![0; 256 << 10];
    let mut offset = 0;
    loop {
        match file.read_at(&mut chunk, offset)? {
            0 => return Ok(Digest(digest.finalize().into())),
            taken => {
                digest.update(chunk.get(..taken).unwrap_or(&[]));
                offset += taken as u64;
            }
        }
    }
}
