//! Where things are in this workspace.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

/// The workspace's root and its target directory, as cargo sees them.
pub struct Workspace {
    /// The directory of the root `Cargo.toml`.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
}

/// Asks cargo.
///
/// # Errors
/// When cargo cannot read the workspace.
pub fn find() -> Result<Workspace> {
    let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
    Ok(Workspace { root: metadata.workspace_root.into(), target: metadata.target_directory.into() })
}

/// The log of a lab machine: `target/lab/NAME.log`.
///
/// # Errors
/// When cargo cannot read the workspace or the directory cannot be made.
pub fn lab_log(name: &str) -> Result<PathBuf> {
    let directory = find()?.target.join("lab");
    std::fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    Ok(directory.join(format!("{}.log", file_name(name))))
}

/// The last part of a path, or the name itself: what a file about a hypervisor is called.
pub fn file_name(name: &str) -> String {
    Path::new(name).file_name().map_or_else(|| name.to_owned(), |last| last.to_string_lossy().into_owned())
}
