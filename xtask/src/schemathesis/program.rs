//! The program: a Python package in a virtual environment of its own, installed once into the cache.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use lab::{Cache, setup};

/// The package and its version: another one asks other things.
const PACKAGE: &str = "schemathesis==4.32.5";

/// It cannot be had here, and why.
#[derive(Debug)]
pub struct Absent(String);

impl fmt::Display for Absent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PACKAGE} cannot be had: {}", self.0)
    }
}

impl std::error::Error for Absent {}

/// Where it is, after it was installed where it was missing.
pub(super) fn find(cache: &Cache) -> Result<PathBuf> {
    let _alone = cache.lock()?;
    let directory = cache.root().join(PACKAGE.replace("==", "-"));
    let program = directory.join("bin/schemathesis");
    // Written last: an installation that was cut short is begun anew.
    let whole = directory.join("whole");
    if whole.exists() {
        return Ok(program);
    }
    if !setup::on_path("python3") {
        return Err(Absent("there is no python3".to_owned()).into());
    }
    let place = directory.display().to_string();
    said(Path::new("python3"), &["-m", "venv", "--clear", &place])?;
    said(&directory.join("bin/pip"), &["install", "--quiet", "--disable-pip-version-check", PACKAGE])?;
    std::fs::write(&whole, "").with_context(|| format!("write {}", whole.display()))?;
    Ok(program)
}

/// A step of the installation; its last words where it fails.
fn said(program: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("start {}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words).trim_end().lines().last().unwrap_or_default().to_owned();
    Err(Absent(format!("{} {}: {words}", program.display(), arguments.first().copied().unwrap_or_default())).into())
}
