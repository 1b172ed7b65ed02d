//! The base image: busybox, dom0's modules and its init.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Archive, built, modules};
use crate::cache::Cache;
use crate::kernel::Kernel;
use crate::progress::Progress;

const INIT: &str = include_str!("files/dom0-init.sh");
const PROFILE: &str = include_str!("files/dom0-profile.sh");

/// Raised when the code that lays the image out changes, so that an image in the cache is not taken for the new one.
const LAYOUT: &[u8] = b"base 3";

/// The base image for a kernel and a busybox.
pub(crate) fn base(cache: &Cache, progress: &Progress, kernel: &Kernel, busybox: &Path) -> Result<PathBuf> {
    let shell = fs::read(busybox).with_context(|| format!("read {}", busybox.display()))?;
    let inputs = [LAYOUT, kernel.sha256.as_bytes(), &shell, INIT.as_bytes(), PROFILE.as_bytes()];
    built(cache, progress, "base", &inputs, || lay_out(kernel, &shell))
}

fn lay_out(kernel: &Kernel, busybox: &[u8]) -> Result<Archive> {
    let mut archive = Archive::new();
    archive.merged_root()?;
    for name in ["dev", "proc", "sys", "run", "tmp", "root", "mnt", "var/lib", "var/log", "lab/out"] {
        archive.directory(name)?;
    }
    archive.link("var/run", "/run")?;
    archive.link("var/lock", "/run/lock")?;
    archive.file("bin/busybox", 0o755, busybox)?;
    archive.link("bin/sh", "busybox")?;
    archive.file("init", 0o755, INIT.as_bytes())?;
    archive.file("etc/profile", 0o644, PROFILE.as_bytes())?;
    archive.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n")?;
    archive.file("etc/group", 0o644, b"root:x:0:\n")?;
    modules::add(&mut archive, &kernel.modules, &kernel.version)?;
    Ok(archive)
}
