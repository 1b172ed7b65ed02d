//! What dom0 starts from: initramfs archives, each built once per content, put one behind the other for a run.
//!
//! ```text
//!  base    busybox, dom0's modules, /init            built once per kernel and busybox package
//!  guests  /lab/guest: kernels, initrd, tiny ELF     built once per kernel package
//!  peers   the stock tools of one release            built once per release, added only when asked for
//!  overlay /lab/script, the binary, scenario files   built for every run
//! ```
//!
//! The kernel unpacks concatenated archives in order, a later file replacing an earlier one.

mod base;
mod closure;
mod cpio;
mod guests;
mod modules;
mod peers;
mod tiny;

pub(crate) use base::base;
pub use cpio::Archive;
pub(crate) use guests::guests;
pub(crate) use peers::peers;
pub use tiny::{TINY_GUEST_ENTRY, tiny_guest, tiny_guest_of};

use std::path::PathBuf;

use anyhow::Result;

use crate::cache::{Cache, sha256_of_parts, write_whole};
use crate::progress::Progress;

/// The archive built from some inputs: from the cache, or built now and kept there.
fn built(cache: &Cache, progress: &Progress, name: &str, inputs: &[&[u8]], build: impl FnOnce() -> Result<Archive>) -> Result<PathBuf> {
    let digest = sha256_of_parts(inputs.iter().copied());
    let path = cache.directory("images")?.join(format!("{name}-{}.cpio", digest.get(..16).unwrap_or(&digest)));
    if !path.is_file() {
        progress.step(format!("build the {name} image"));
        write_whole(&path, &build()?.finish())?;
    }
    Ok(path)
}
