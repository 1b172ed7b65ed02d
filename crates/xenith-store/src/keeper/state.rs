//! The state image's file: one writer at a time, whoever died before it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};
use xen_hv::SharedPages;
use xen_store::image::{Image, ImageError};

use crate::error::StoreError;
use crate::image::{ImageFile, boot_id};

/// Bytes of the file. Nearly all of it is a hole: memory is taken as the store grows.
const SIZE: usize = 4 << 30;
/// How long a worker whose keeper died may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Maps a file's first bytes.
pub type MapPages = fn(&OwnedFd, usize) -> io::Result<Box<dyn SharedPages>>;

/// The file, locked. The lock goes with the descriptor, of which the worker has a copy: nobody else writes while either lives.
pub(super) struct State {
    path: PathBuf,
    file: OwnedFd,
    map: MapPages,
}

impl State {
    /// Opens the file, or makes it; waits until nobody else has it.
    pub fn open(path: &Path, map: MapPages) -> Result<State, StoreError> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(failed("make the directory of", path))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let file = options.open(path).map_err(failed("open the state image", path))?;
        let begun = Instant::now();
        while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK || begun.elapsed() > PATIENCE {
                return Err(failed("lock the state image", path)(error.into()));
            }
            sleep(Duration::from_millis(2));
        }
        Ok(State { path: path.to_owned(), file: file.into(), map })
    }

    /// What was kept in it in this boot.
    pub fn image(&self) -> Result<Image, StoreError> {
        let length = rustix::fs::fstat(&self.file).map_err(|error| self.failed("look at")(error.into()))?.st_size;
        if usize::try_from(length) != Ok(SIZE) {
            return Err(ImageError::None.into());
        }
        Ok(Image::open(self.memory()?, boot_id()?)?)
    }

    /// Makes it an empty image. Nobody may have it mapped.
    pub fn empty(&self) -> Result<Image, StoreError> {
        self.clear()?;
        Ok(Image::format(self.memory()?, boot_id()?)?)
    }

    /// Forgets everything. Nobody may have it mapped.
    pub fn clear(&self) -> Result<(), StoreError> {
        let cleared = self.file.try_clone().map(File::from).and_then(|file| file.set_len(0).and_then(|()| file.set_len(SIZE as u64)));
        cleared.map_err(self.failed("make room for"))
    }

    fn memory(&self) -> Result<Box<ImageFile>, StoreError> {
        let file = self.file.try_clone().map_err(self.failed("open"))?;
        let pages = (self.map)(&self.file, SIZE).map_err(self.failed("map"))?;
        Ok(Box::new(ImageFile::new(Arc::new(file), pages)))
    }

    fn failed(&self, what: &'static str) -> impl Fn(io::Error) -> StoreError {
        failed(what, &self.path)
    }
}

impl AsFd for State {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::File { what, path: path.clone(), source }
}
