//! `cargo xtask dist`: the release binary, one static file, as `target/dist/NAME`; the manual's pages and the shells' scripts beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use lab::cache::sha256_of;

use crate::workspace;

/// Stated even where it is the host's own: with a target named, build scripts and macros stay dynamic.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What to build.
#[derive(clap::Args)]
pub struct Arguments {}

/// A built file.
pub struct Built {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its sha256, in hexadecimal.
    pub sha256: String,
}

/// Builds the product and says where it is.
pub fn run(_arguments: &Arguments) -> Result<()> {
    let built = binary("xenith")?;
    println!("{}  {} bytes  sha256 {}", built.path.display(), built.bytes, built.sha256);
    beside(&built.path)
}

/// Where a package takes what the binary writes of itself from: below the binary's directory.
const SCRIPTS: &[(&str, &str)] = &[("bash", "completion/xenith.bash"), ("zsh", "completion/_xenith"), ("fish", "completion/xenith.fish")];

/// The manual's pages and the shells' scripts, as the binary itself writes them.
fn beside(binary: &Path) -> Result<()> {
    let directory = binary.parent().context("the binary lies nowhere")?;
    said(binary, &["help", "--man", &directory.join("man").display().to_string()])?;
    fs::create_dir_all(directory.join("completion")).context("create target/dist/completion")?;
    for (shell, file) in SCRIPTS {
        let script = said(binary, &["completion", shell])?;
        fs::write(directory.join(file), script).with_context(|| format!("write {file}"))?;
    }
    println!("{}/man  {0}/completion", directory.display());
    Ok(())
}

/// What the binary prints.
fn said(binary: &Path, words: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new(binary).args(words).output().with_context(|| format!("start {}", binary.display()))?;
    ensure!(output.status.success(), "xenith {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// Builds one binary of the workspace as a static release file.
///
/// # Errors
/// When cargo fails, or the file asks for a dynamic loader.
pub fn binary(name: &str) -> Result<Built> {
    let workspace = workspace::find()?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "--target", TARGET, "--bin", name]).current_dir(&workspace.root);
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static").env("CARGO_TARGET_DIR", workspace.target.join("static"));
    let status = cargo.status().context("start cargo")?;
    ensure!(status.success(), "cargo build {name}: {status}");
    let source = workspace.target.join("static").join(TARGET).join("release").join(name);
    let path = workspace.target.join("dist").join(name);
    fs::create_dir_all(workspace.target.join("dist")).context("create target/dist")?;
    let bytes = fs::copy(&source, &path).with_context(|| format!("copy {}", source.display()))?;
    assert_static(&path)?;
    Ok(Built { sha256: sha256_of(&path)?, path, bytes })
}

/// A static file has no PT_INTERP (3) among its program headers.
fn assert_static(path: &Path) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let types = segment_types(&bytes).with_context(|| format!("{} is not a 64-bit ELF file", path.display()))?;
    if types.contains(&3) {
        bail!("{} is not static: it asks for a dynamic loader", path.display());
    }
    Ok(())
}

/// The types of the program headers: e_phoff at 32, e_phentsize at 54, e_phnum at 56 (ELF-64 object file format).
fn segment_types(bytes: &[u8]) -> Option<Vec<u32>> {
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let start = usize::try_from(u64::from_le_bytes(bytes.get(32..40)?.try_into().ok()?)).ok()?;
    let (size, count) = (half(54)?, half(56)?);
    if !bytes.starts_with(b"\x7fELF\x02") {
        return None;
    }
    let kind = |index: usize| Some(u32::from_le_bytes(bytes.get(start + index * size..)?.get(..4)?.try_into().ok()?));
    (0..count).map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_file_is_told_from_a_static_one() {
        // The test binary itself is dynamic on every host that builds with the default flags.
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(segment_types(&own).unwrap().contains(&3));
        assert_eq!(segment_types(b"#!/bin/sh\n"), None);
    }
}
