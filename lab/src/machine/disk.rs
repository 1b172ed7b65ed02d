//! Files back from dom0: a raw disk that dom0 writes a tar archive onto, read when the machine has ended.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Room for what comes back. The file is sparse: only what dom0 writes takes space.
const BYTES: u64 = 256 << 20;

/// Makes an empty disk.
pub(crate) fn make(disk: &Path) -> Result<()> {
    let file = File::create(disk).with_context(|| format!("create {}", disk.display()))?;
    file.set_len(BYTES).with_context(|| format!("size {}", disk.display()))
}

/// Unpacks what dom0 left in `/lab/out` into a directory.
pub(crate) fn take(disk: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target).with_context(|| format!("create {}", target.display()))?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--no-same-owner", "--file"]).arg(disk).arg("--directory").arg(target);
    let output = tar.output().context("start tar")?;
    if !output.status.success() {
        bail!("files of /lab/out did not come back: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(())
}
