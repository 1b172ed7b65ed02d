//! A kernel out of its package: the bzImage, its modules, and the ELF inside the bzImage.
//!
//! dom0 is started from the decompressed ELF: Xen's own decompressor costs about five seconds of every boot under
//! software emulation, ours runs once per package.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use lzma_rust2::XzReader;

use crate::cache::{Cache, write_whole};
use crate::packages::{Package, Suite, unpack};
use crate::progress::Progress;

/// What the lab takes from a kernel package, unpacked in the cache.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// The bzImage as Debian ships it.
    pub vmlinuz: PathBuf,
    /// `lib/modules/VERSION` of the package, with the picked directories only.
    pub modules: PathBuf,
    /// The version, as `uname -r` tells it.
    pub version: String,
    /// The package's sha256.
    pub sha256: String,
}

/// Members of the package that hold the modules of `image::modules` and what those need.
const PICKED: [&str; 8] = [
    "./boot/vmlinuz-*",
    "./lib/modules/*/kernel/drivers/block/*",
    "./lib/modules/*/kernel/drivers/net/*",
    "./lib/modules/*/kernel/drivers/virtio/*",
    "./lib/modules/*/kernel/drivers/watchdog/*",
    "./lib/modules/*/kernel/drivers/xen/*",
    "./lib/modules/*/kernel/lib/*",
    "./lib/modules/*/kernel/net/*",
];

impl Kernel {
    /// Takes a fetched kernel package apart, once per package and choice of members.
    pub(crate) fn open(suite: &Suite, package: &Package, cache: &Cache, progress: &Progress) -> Result<Self> {
        let directory = cache.directory("kernels")?.join(package.sha256.get(..16).unwrap_or("unknown"));
        let (done, picked) = (directory.join("done"), PICKED.join("\n"));
        if fs::read(&done).ok().as_deref() != Some(picked.as_bytes()) {
            progress.step(format!("unpack {}", package.file));
            unpack(&suite.file(package), &directory, &PICKED)?;
            write_whole(&done, picked.as_bytes())?;
        }
        let version = only_entry(&directory.join("lib/modules"))?;
        Ok(Self {
            vmlinuz: directory.join(format!("boot/vmlinuz-{version}")),
            modules: directory.join("lib/modules").join(&version),
            version,
            sha256: package.sha256.clone(),
        })
    }

    /// The ELF image inside the bzImage, or the bzImage itself where it is not compressed with xz.
    pub(crate) fn elf(&self, progress: &Progress) -> Result<PathBuf> {
        let path = self.vmlinuz.with_file_name("vmlinux");
        if !path.is_file() {
            progress.step(format!("decompress {}", self.vmlinuz.display()));
            let image = fs::read(&self.vmlinuz).with_context(|| format!("read {}", self.vmlinuz.display()))?;
            match xz_payload(&image) {
                Some(payload) => write_whole(&path, &decompress(payload)?)?,
                None => return Ok(self.vmlinuz.clone()),
            }
        }
        Ok(path)
    }
}

fn only_entry(directory: &Path) -> Result<String> {
    let mut entries = fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))?.flatten();
    let entry = entries.next().ok_or_else(|| anyhow!("{} is empty", directory.display()))?;
    Ok(entry.file_name().to_string_lossy().into_owned())
}

/// The compressed kernel of a bzImage (setup_sects at 0x1f1, payload_offset at 0x248, payload_length at 0x24c: Linux,
/// Documentation/arch/x86/boot.rst), if it is xz. Its last four bytes are the decompressed size, not part of the stream.
fn xz_payload(image: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
    let setup = (usize::from(*image.get(0x1f1)?) + 1) * 512;
    let start = setup.checked_add(word(0x248)?)?;
    let payload = image.get(start..start.checked_add(word(0x24c)?)?)?;
    payload.starts_with(b"\xfd7zXZ\0").then(|| payload.get(..payload.len().saturating_sub(4))).flatten()
}

fn decompress(payload: &[u8]) -> Result<Vec<u8>> {
    let mut elf = Vec::new();
    XzReader::new(payload, false).read_to_end(&mut elf).context("decompress the dom0 kernel")?;
    Ok(elf)
}
