//! The cache of unpacked kernels: what is kept, trusted, rebuilt and evicted.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::{TestKernel, body, bzimage};
use xen_guest::cache::{Cache, CacheError, Digest};
use xen_guest::loader::Loader;
use xen_guest::loader::decompress::{Format, Limits};

const LIMIT: u64 = 1 << 20;

fn keep(cache: &Cache, packed: &[u8], content: &[u8]) -> Digest {
    let digest = Digest::of(packed);
    let mut draft = cache.draft().unwrap();
    draft.write_all(content).unwrap();
    draft.keep(&digest).unwrap();
    digest
}

fn found(cache: &Cache, digest: &Digest) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    cache.find(digest)?.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

fn names(dir: &Path, suffix: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.to_string_lossy().ends_with(suffix)).collect()
}

fn one(dir: &Path, suffix: &str) -> PathBuf {
    let mut found = names(dir, suffix);
    assert_eq!(found.len(), 1, "{suffix}");
    found.remove(0)
}

#[test]
fn what_is_kept_is_found_also_by_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let first = Cache::open(dir.path(), LIMIT).unwrap();
    let second = Cache::open(dir.path(), LIMIT).unwrap();
    let digest = keep(&first, b"packed", b"content");
    for cache in [&first, &second] {
        assert_eq!(found(cache, &digest).unwrap(), b"content");
        assert_eq!(found(cache, &Digest::of(b"other")), None);
    }
    keep(&second, b"packed", b"content");
    assert_eq!(found(&first, &digest).unwrap(), b"content");
    assert_eq!(names(dir.path(), "").len(), 2, "one entry, no leftovers");
}

#[test]
fn damage_is_noticed_and_removed() {
    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 6] = [
        ("overwritten", |dir| fs::write(one(dir, ".elf"), b"CONTENT").unwrap()),
        ("cut", |dir| File::options().write(true).open(one(dir, ".elf")).unwrap().set_len(3).unwrap()),
        ("no record", |dir| fs::remove_file(one(dir, ".rec")).unwrap()),
        ("foreign record", |dir| fs::write(one(dir, ".rec"), b"2 what is this\n").unwrap()),
        ("binary record", |dir| fs::write(one(dir, ".rec"), [0xff; 100]).unwrap()),
        ("a link", |dir| {
            let entry = one(dir, ".elf");
            fs::rename(&entry, dir.join("elsewhere")).unwrap();
            symlink("elsewhere", &entry).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), LIMIT).unwrap();
        let digest = keep(&cache, b"packed", b"content");
        damage(dir.path());
        assert_eq!(found(&cache, &digest), None, "{name}");
        keep(&cache, b"packed", b"content");
        assert_eq!(found(&cache, &digest).unwrap(), b"content", "{name}: kept again");
    }
}

#[test]
fn an_entry_that_moved_is_verified_once_and_trusted_again() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), LIMIT).unwrap();
    let digest = keep(&cache, b"packed", b"content");
    let record = fs::read(one(dir.path(), ".rec")).unwrap();
    let copy = dir.path().join("copy");
    fs::copy(one(dir.path(), ".elf"), &copy).unwrap();
    fs::rename(&copy, one(dir.path(), ".elf")).unwrap();
    assert_eq!(found(&cache, &digest).unwrap(), b"content");
    assert_ne!(fs::read(one(dir.path(), ".rec")).unwrap(), record);
}

#[test]
fn the_longest_unused_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), 2500).unwrap();
    let old = SystemTime::now() - Duration::from_secs(100);
    let mut digests = Vec::new();
    for name in ["a", "b"] {
        digests.push(keep(&cache, name.as_bytes(), &[0; 1000]));
        let record = dir.path().join(format!("{}.rec", digests.last().unwrap()));
        File::options().write(true).open(record).unwrap().set_modified(old).unwrap();
    }
    assert!(found(&cache, &digests[0]).is_some(), "a is used");
    digests.push(keep(&cache, b"c", &[0; 1000]));
    let left: Vec<bool> = digests.iter().map(|digest| found(&cache, digest).is_some()).collect();
    assert_eq!(left, [true, false, true]);

    let mut big = cache.draft().unwrap();
    big.write_all(&[1; 5000]).unwrap();
    let mut file = big.keep(&Digest::of(b"big")).unwrap();
    assert_eq!(found(&cache, &Digest::of(b"big")), None, "larger than the bound");
    assert_eq!(names(dir.path(), ".elf").len(), 2, "the others stay");
    use std::io::Seek;
    file.rewind().unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len(), 5000, "but it can be used");
}

#[test]
fn abandoned_drafts_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), LIMIT).unwrap();
    for (name, age_s) in [(".tmp-1-0", 4000), (".tmp-2-0", 10)] {
        let file = File::create(dir.path().join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age_s)).unwrap();
    }
    drop(cache.draft().unwrap());
    keep(&cache, b"packed", b"content");
    assert!(!dir.path().join(".tmp-1-0").exists());
    assert!(dir.path().join(".tmp-2-0").exists());
}

#[test]
fn a_directory_that_others_can_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = Cache::open(dir.path(), LIMIT);
    assert!(matches!(refused, Err(CacheError::Unsafe { mode: 0o777, .. })));
    let made = dir.path().join("made/here");
    Cache::open(&made, LIMIT).unwrap();
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
}

/// A file whose inode changed long ago, as kernels have: the tests cannot wait, so they take one of the system.
fn settled_file() -> PathBuf {
    std::env::current_exe().unwrap()
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), LIMIT).unwrap();
    let (_, identity) = xen_guest::loader::open::open(&settled_file(), u64::MAX).unwrap();
    let digest = Digest::of(b"packed");
    cache.remember(&identity, &digest);
    if cache.remembered(&identity).is_none() {
        // Built within the last seconds: then nothing may be remembered, and there is no more to see.
        assert_eq!(names(dir.path(), ".src").len(), 0);
        return;
    }
    assert_eq!(cache.remembered(&identity), Some(digest));
    for changed in [
        xen_guest::loader::open::Identity { bytes: identity.bytes + 1, ..identity },
        xen_guest::loader::open::Identity { ctime_ns: identity.ctime_ns ^ 1, ..identity },
        xen_guest::loader::open::Identity { inode: identity.inode + 1, ..identity },
    ] {
        assert_eq!(cache.remembered(&changed), None);
    }
}

#[test]
fn the_loader_unpacks_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bzimage");
    fs::write(&path, bzimage(Format::Lz4, &TestKernel::default().elf())).unwrap();
    let kept = dir.path().join("cache");
    let loader = Loader::new(Some(Cache::open(&kept, LIMIT).unwrap()), Limits::default());
    let cold = loader.kernel(&path).unwrap();
    let first = fs::metadata(one(&kept, ".elf")).unwrap();
    let warm = loader.kernel(&path).unwrap();
    let second = fs::metadata(one(&kept, ".elf")).unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_eq!(cold.info(), warm.info());
    assert_eq!((first.ino(), first.ctime_nsec()), (second.ino(), second.ctime_nsec()));

    // Another kernel under the same name is another kernel.
    let other = TestKernel { segments: vec![(common::BASE, body(9000), 0x9000)], ..TestKernel::default() };
    fs::write(&path, bzimage(Format::Lz4, &other.elf())).unwrap();
    assert_eq!(loader.kernel(&path).unwrap().info().end(), common::BASE + 0x9000);
}

#[test]
fn a_cache_that_cannot_be_written_does_not_fail_the_load() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bzimage");
    fs::write(&path, bzimage(Format::Zstd, &TestKernel::default().elf())).unwrap();
    let kept = dir.path().join("cache");
    let loader = Loader::new(Some(Cache::open(&kept, LIMIT).unwrap()), Limits::default());
    // Gone under our feet: every draft fails, as on a full disk.
    fs::remove_dir(&kept).unwrap();
    let image = loader.kernel(&path).unwrap();
    assert_eq!(u64::from(image.info().entry), common::BASE + 16);
}
