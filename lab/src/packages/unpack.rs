//! Files out of a `.deb`: `dpkg-deb` gives the archive, `tar` picks from it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Unpacks a package into a directory; with patterns (`./boot/*`) only the members that match one, with none everything.
/// Picking keeps a kernel package's 400 MB of modules off the disk.
///
/// # Errors
/// When either program is missing or fails, which for `tar` includes a pattern that matches nothing.
pub fn unpack(deb: &Path, directory: &Path, patterns: &[&str]) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    let mut source = Command::new("dpkg-deb").arg("--fsys-tarfile").arg(deb).stdout(Stdio::piped()).spawn().context("start dpkg-deb")?;
    let archive = source.stdout.take().context("dpkg-deb has no output")?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--no-same-owner", "--no-same-permissions", "--wildcards", "--directory"]).arg(directory);
    let picked = tar.args(patterns).stdin(archive).output().context("start tar")?;
    let whole = source.wait().context("wait for dpkg-deb")?;
    if !picked.status.success() || !whole.success() {
        bail!("unpack {}: {}", deb.display(), String::from_utf8_lossy(&picked.stderr).lines().next().unwrap_or("dpkg-deb failed"));
    }
    Ok(())
}
