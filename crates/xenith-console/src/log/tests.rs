//! A disk in memory that can die after any number of effects, shared with the tests of sessions.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::disk::{Directory, LogDir, LogFile, read_tail};
use super::{Log, Start};

/// Lets so many effects happen, and no more: what comes after is as if the process had been killed.
#[derive(Clone, Default)]
pub struct Fuse(Arc<Mutex<Option<u32>>>);

impl Fuse {
    /// Dies after `effects` effects, or never.
    pub fn set(&self, effects: Option<u32>) {
        *self.0.lock().unwrap() = effects;
    }

    /// How many effects are left.
    pub fn left(&self) -> Option<u32> {
        *self.0.lock().unwrap()
    }

    pub fn blown(&self) -> bool {
        self.left() == Some(0)
    }

    /// Whether one more effect happens.
    pub fn burn(&self) -> bool {
        match self.0.lock().unwrap().as_mut() {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn effect(&self) -> io::Result<()> {
        if self.burn() { Ok(()) } else { Err(io::Error::other("dead")) }
    }
}

#[derive(Default)]
struct Disk {
    names: BTreeMap<String, u64>,
    files: BTreeMap<u64, Vec<u8>>,
    next: u64,
    /// Bytes that may still be written.
    free: Option<usize>,
}

/// The disk; clones see the same files.
#[derive(Clone, Default)]
pub struct MemoryDir {
    disk: Arc<Mutex<Disk>>,
    pub fuse: Fuse,
}

impl MemoryDir {
    pub fn contents(&self, name: &str) -> Vec<u8> {
        let disk = self.disk.lock().unwrap();
        disk.names.get(name).map(|id| disk.files[id].clone()).unwrap_or_default()
    }

    /// What the two files of a log hold together.
    pub fn logged(&self, name: &str) -> Vec<u8> {
        super::files(name).map(|file| self.contents(&file)).concat()
    }

    fn set_free(&self, free: Option<usize>) {
        self.disk.lock().unwrap().free = free;
    }

    fn handle(&self, id: u64) -> Box<dyn LogFile> {
        Box::new(MemoryFile { dir: self.clone(), id })
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> io::Result<u64> {
        self.fuse.effect()?;
        let mut disk = self.disk.lock().unwrap();
        if disk.free.is_some_and(|free| free < bytes.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.next += 1;
        let id = disk.next;
        disk.files.insert(id, bytes);
        disk.names.insert(name.to_owned(), id);
        Ok(id)
    }
}

impl LogDir for MemoryDir {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn LogFile>>> {
        let id = self.disk.lock().unwrap().names.get(name).copied();
        Ok(id.map(|id| self.handle(id)))
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        self.put(name, Vec::new()).map(|id| self.handle(id))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.fuse.effect()?;
        let mut disk = self.disk.lock().unwrap();
        let id = disk.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        disk.names.insert(to.to_owned(), id);
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.fuse.effect()?;
        self.disk.lock().unwrap().names.remove(name);
        Ok(())
    }
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.put(name, bytes.to_vec()).map(drop)
    }
}

struct MemoryFile {
    dir: MemoryDir,
    id: u64,
}

impl LogFile for MemoryFile {
    fn id(&self) -> u64 {
        self.id
    }
    fn length(&self) -> io::Result<u64> {
        Ok(self.dir.disk.lock().unwrap().files[&self.id].len() as u64)
    }
    /// Takes at most 700 bytes at a time, so that a death can come in the middle of an append.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.dir.fuse.effect()?;
        let mut disk = self.dir.disk.lock().unwrap();
        let count = bytes.len().min(700).min(disk.free.unwrap_or(usize::MAX));
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.free = disk.free.map(|free| free - count);
        disk.files.get_mut(&self.id).unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let disk = self.dir.disk.lock().unwrap();
        let rest = disk.files[&self.id].get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

fn open(dir: &MemoryDir, life: &str, ring: (u32, u32)) -> (Log, Start) {
    let (log, start, error) = Log::open(Arc::new(dir.clone()), "web", life, 1000, ring);
    assert!(error.is_none(), "{error:?}");
    (log, start)
}

#[test]
fn a_log_goes_on_where_its_ring_allows() {
    let cases = [
        ("killed before out_cons was stored", "boot/5", (100, 120), Start::Continued, 110),
        ("killed after it", "boot/5", (110, 120), Start::Continued, 110),
        ("nothing more came", "boot/5", (110, 110), Start::Continued, 110),
        ("somebody else took more", "boot/5", (115, 120), Start::Moved, 115),
        ("the ring began again", "boot/5", (0, 7), Start::Moved, 0),
        ("another domain of the name", "boot/6", (100, 120), Start::New, 100),
    ];
    for (name, life, ring, start, index) in cases {
        let dir = MemoryDir::default();
        let (mut log, first) = open(&dir, "boot/5", (100, 100));
        assert_eq!(first, Start::New);
        assert!(log.append(b"0123456789").is_none());
        drop(log);
        let (log, seen) = open(&dir, life, ring);
        assert_eq!((seen, log.index()), (start, index), "{name}");
        let tail = log.tail(100);
        assert_eq!(tail.len(), if start == Start::Continued { 10 } else { 0 }, "{name}: viewers see only this life");
    }
}

#[test]
fn files_are_capped_and_the_older_one_kept() {
    let dir = MemoryDir::default();
    let (mut log, _) = open(&dir, "boot/5", (u32::MAX - 99, u32::MAX));
    let text: Vec<u8> = (0..2600).map(|index| index as u8).collect();
    for piece in text.chunks(300) {
        assert!(log.append(piece).is_none());
    }
    // Three pieces of 300 fit a file of 1000.
    assert_eq!(dir.contents("web.log.1"), text[900..1800]);
    assert_eq!(dir.contents("web.log"), text[1800..]);
    assert_eq!(log.index(), 2500);
    assert_eq!(log.tail(1000), text[1600..], "the tail spans both");
    drop(log);
    assert_eq!(open(&dir, "boot/5", (2500, 2500)).0.tail(1000), text[1600..]);
}

#[test]
fn a_full_disk_is_told_and_the_guest_goes_on() {
    let dir = MemoryDir::default();
    let (mut log, _) = open(&dir, "boot/5", (0, 0));
    assert!(log.append(b"before ").is_none());
    dir.set_free(Some(4));
    let error = log.append(b"lost, but for four bytes").unwrap();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(log.append(b" and more").is_none(), "told once");
    assert_eq!(log.index(), 40, "all of it counts as taken");
    dir.set_free(None);
    assert!(log.append(b"after").is_none());
    let expected = "before lost\r\n[xenith: 29 bytes of output could not be logged]\r\nafter";
    assert_eq!(String::from_utf8(dir.logged("web")).unwrap(), expected);
    drop(log);
    let (log, start) = open(&dir, "boot/5", (40, 45));
    assert_eq!((start, log.index()), (Start::Continued, 45), "the line is no output of the guest");
}

#[test]
fn a_killed_process_after_a_full_disk_trusts_the_ring() {
    let dir = MemoryDir::default();
    let (mut log, _) = open(&dir, "boot/5", (0, 0));
    assert!(log.append(b"0123456789").is_none());
    dir.set_free(Some(0));
    assert!(log.append(b"lost").is_some());
    drop(log);
    dir.set_free(None);
    let (log, start) = open(&dir, "boot/5", (14, 20));
    assert_eq!((start, log.index()), (Start::New, 14));
}

#[test]
fn damaged_position_files_count_as_none() {
    for damage in ["", "{", "{\"session\":\"boot/5\",\"anchors\":[{\"file\":1,\"offset\":99999,\"index\":0}]}", "\u{0}\u{0}"] {
        let dir = MemoryDir::default();
        let (mut log, _) = open(&dir, "boot/5", (0, 0));
        assert!(log.append(b"0123456789").is_none());
        dir.replace("web.pos", damage.as_bytes()).unwrap();
        let (log, start) = open(&dir, "boot/5", (4, 20));
        assert_ne!(start, Start::Continued, "{damage}");
        assert_eq!(log.index(), 4, "{damage}");
    }
}

/// The same over the file system: what the memory disk stands for.
#[test]
fn a_directory_behaves_like_the_memory_disk() {
    let path = std::env::temp_dir().join(format!("xenith-console-log-{}", std::process::id()));
    let dir = Arc::new(Directory::open(&path).unwrap());
    let append = |ring: (u32, u32), bytes: &[u8]| {
        let (mut log, start, error) = Log::open(dir.clone(), "web", "boot/5", 1000, ring);
        assert!(error.is_none() && log.append(bytes).is_none());
        (start, log.index())
    };
    assert_eq!(append((0, 0), &[b'a'; 600]), (Start::New, 600));
    assert_eq!(append((0, 600), &[b'b'; 600]), (Start::Continued, 1200));
    assert_eq!(append((1200, 1200), b"c"), (Start::Continued, 1201));
    let read = |name: &str| read_tail(dir.open(name).unwrap().unwrap().as_ref(), 0, 5000).unwrap();
    assert_eq!(read("web.log.1"), [b'a'; 600]);
    assert_eq!(read("web.log"), [vec![b'b'; 600], vec![b'c']].concat());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(path.join("web.log")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(dir.open("other.log").unwrap().is_none());
    std::fs::remove_dir_all(path).unwrap();
}
