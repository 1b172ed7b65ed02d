//! What was fetched from a suite, with the sha256 seen, so that a later run needs no network.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::cache::write_whole;

/// One fetched package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name in the suite.
    pub name: String,
    /// Its version; point releases change it.
    pub version: String,
    /// The `.deb` file's name beside the manifest.
    pub file: String,
    /// The `.deb` file's sha256 when it was fetched, in hexadecimal.
    pub sha256: String,
}

/// `manifest.json` of one suite.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Fetched packages by name.
    pub packages: BTreeMap<String, Package>,
    /// Answers of apt that later runs need again: the package a metapackage stands for, and what a set of packages depends on.
    pub answers: BTreeMap<String, Vec<String>>,
}

impl Manifest {
    fn path(directory: &Path) -> PathBuf {
        directory.join("manifest.json")
    }

    /// Reads the manifest of a directory; a missing or unreadable one is empty, and its packages are fetched again.
    pub fn load(directory: &Path) -> Self {
        fs::read(Self::path(directory)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Writes the manifest into a directory.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).context("encode the manifest")?;
        write_whole(&Self::path(directory), &text)
    }

    /// The package, if it was fetched and its file is still there.
    pub fn have(&self, directory: &Path, name: &str) -> Option<Package> {
        self.packages.get(name).filter(|package| directory.join(&package.file).is_file()).cloned()
    }
}
