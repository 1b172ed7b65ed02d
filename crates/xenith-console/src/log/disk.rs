//! The few file operations that a log needs. Each is one effect: a process can die between any two of them, and the tests make it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Files of one directory, by name.
pub trait LogDir: Send + Sync {
    /// Opens a file for reading and appending; none where there is no such file.
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn LogFile>>>;
    /// Makes an empty file, in place of one that may be there.
    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>>;
    /// Gives a file another name, in place of one that may have it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; none is no error.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes a file hold exactly these bytes, at once.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
}

/// A file of a [`LogDir`]; it stays the same file when it gets another name.
pub trait LogFile: Send {
    /// What tells the file from every other file there is: its inode.
    fn id(&self) -> u64;
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Writes at the end, perhaps not all; gives the number of bytes written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Reads from `offset` on into `into`, as far as the file goes; gives the number of bytes.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
}

/// Reads a whole file of at most `limit` bytes from `offset` on; none where there is no such file.
pub fn read_tail(file: &dyn LogFile, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
    let left = file.length()?.saturating_sub(offset);
    let mut bytes = vec![0; usize::try_from(left).unwrap_or(limit).min(limit)];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(offset + filled as u64, rest)? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// A directory of the file system.
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Uses a directory, made where it is missing, readable by its owner alone: consoles show passwords.
    pub fn open(path: &Path) -> io::Result<Directory> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Ok(Directory { path: path.to_owned() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn file(&self, name: &str, options: &mut OpenOptions) -> io::Result<Box<dyn LogFile>> {
        let file = options.read(true).append(true).mode(0o600).open(self.path(name))?;
        let id = file.metadata()?.ino();
        Ok(Box::new(DiskFile { file, id }))
    }
}

impl LogDir for Directory {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn LogFile>>> {
        match self.file(name, &mut OpenOptions::new()) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        self.remove(name)?;
        self.file(name, OpenOptions::new().create_new(true))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = self.path(&format!("{name}.tmp"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        fs::rename(beside, self.path(name))
    }
}

struct DiskFile {
    file: File,
    id: u64,
}

impl LogFile for DiskFile {
    fn id(&self) -> u64 {
        self.id
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        self.file.read_at(into, offset)
    }
}
