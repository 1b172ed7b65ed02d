//! A state image that misses something, for want of room, is written anew until everything fits.
//!
//! ```text
//!   whole --no room--> spoilt: the store serves, and whoever comes after it begins empty --a second, two, four, ... a minute--> written anew
//!     ^------------------------------------------- everything fits --------------------------------------------------------------'
//! ```

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate};
use xen_hv::SharedPages;
use xen_store::image::Image;

use super::Loop;
use crate::error::StoreError;
use crate::image::ImageFile;

/// Between finding out and the first attempt; twice as long after each that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest time between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What it takes to begin the image anew.
pub(super) struct Renewal {
    pub image: Arc<OwnedFd>,
    pub length: usize,
    pub map: fn(&OwnedFd, usize) -> io::Result<Box<dyn SharedPages>>,
    pub boot: [u8; 16],
    /// The next attempt, and how long it was waited for; `None` while the image is whole.
    pub next: Option<(Duration, Duration)>,
}

impl Renewal {
    /// When to try, if the image is spoilt.
    pub fn due(&self) -> Option<Duration> {
        self.next.map(|(at, _)| at)
    }

    /// Gives the file's memory back and begins an empty image in it.
    fn begin(&self) -> Result<Image, StoreError> {
        let failed = |source| StoreError::Wait { what: "writing the state image anew", source };
        let all = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&*self.image, all, 0, self.length as u64).map_err(|error| failed(error.into()))?;
        let pages = (self.map)(&self.image, self.length).map_err(failed)?;
        Ok(Image::format(Box::new(ImageFile::new(self.image.clone(), pages)), self.boot)?)
    }
}

impl Loop<'_> {
    /// Says that the image misses something, which nobody could go on with, and writes it anew when that is due. Call it after a commit.
    pub(super) fn look_at_image(&mut self) {
        if !self.store.server().is_spoilt() {
            return;
        }
        let now = self.started.elapsed();
        match self.renewal.next {
            None => {
                tracing::error!("store: there is no room for the state image: should this process die now, the next one begins EMPTY");
                self.renewal.next = Some((now + PAUSE, PAUSE));
            }
            Some((at, paused)) if at <= now => {
                if let Err(error) = self.renew() {
                    tracing::error!("{error}");
                }
                let pause = (paused * 2).min(PAUSE_MAX);
                let spoilt = self.store.server().is_spoilt();
                self.renewal.next = spoilt.then_some((now + pause, pause));
                if !spoilt {
                    tracing::info!("store: the state image is whole again");
                }
            }
            Some(_) => {}
        }
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        self.store.keep(self.renewal.begin()?);
        self.clients.commit(&mut self.store);
        Ok(())
    }
}
