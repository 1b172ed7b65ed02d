//! Stock daemons on plain Linux: Debian's own binaries with their own libraries, and a shim in the place of Xen.
//!
//! ```text
//!   packages of a release --> peers/SUITE-KEY/root     xenstored, its libraries, its C library and loader
//!   shim.c --cc-->            peers/SUITE-KEY/shim.so
//!                             peers/SUITE-KEY/xenstored    a script: the loader starts the daemon with the shim in front
//! ```

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::cache::{Cache, sha256_of_parts};
use crate::packages::{Suite, unpack};
use crate::progress::Progress;
use crate::release::Release;

const SHIM: &str = include_str!("peer/shim.c");
/// Libraries that the C daemon is linked with, libc first; `libxenmisc` is the release's own.
const LIBRARIES: [&str; 9] = [
    "libc6",
    "libsystemd0",
    "libxencall1",
    "libxendevicemodel1",
    "libxenevtchn1",
    "libxenforeignmemory1",
    "libxengnttab1",
    "libxentoolcore1",
    "libxentoollog1",
];

/// A program that starts C xenstored of this release in `$XSSHIM_DIR`.
///
/// # Errors
/// When a package cannot be had, or the compiler fails.
pub fn xenstored(release: &Release, cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    let mut suite = Suite::open(release.suite, cache, progress)?;
    let own = [format!("xen-utils-{}", release.name), format!("libxenmisc{}", release.name)];
    let names: Vec<String> = own.into_iter().chain(LIBRARIES.map(str::to_owned)).collect();
    let packages = suite.fetch(&names)?;
    let parts = packages.iter().map(|package| package.sha256.as_bytes()).chain([SHIM.as_bytes()]);
    let key: String = sha256_of_parts(parts).chars().take(16).collect();
    let directory = cache.directory(&format!("peers/{}-{key}", release.suite))?;
    let program = directory.join("xenstored");
    if program.exists() {
        return Ok(program);
    }
    let root = directory.join("root");
    for package in &packages {
        unpack(&suite.file(package), &root, &[])?;
    }
    compile(&directory)?;
    let script = script(release, &directory, &root)?;
    // Last, and whole at once: whoever finds it finds everything.
    let part = directory.join(format!("xenstored.{}", std::process::id()));
    fs::write(&part, script).with_context(|| format!("write {}", part.display()))?;
    fs::set_permissions(&part, fs::Permissions::from_mode(0o755))?;
    fs::rename(&part, &program).with_context(|| format!("rename to {}", program.display()))?;
    Ok(program)
}

fn compile(directory: &Path) -> Result<()> {
    let source = directory.join("shim.c");
    fs::write(&source, SHIM).with_context(|| format!("write {}", source.display()))?;
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(directory.join("shim.so")).arg(&source).arg("-ldl");
    let output = compiler.output().context("start cc")?;
    if !output.status.success() {
        bail!("cc {}: {}", source.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn script(release: &Release, directory: &Path, root: &Path) -> Result<String> {
    let architecture = "x86_64-linux-gnu";
    // Older suites keep their C library outside of /usr.
    let places = ["lib", "usr/lib"].map(|lib| root.join(lib).join(architecture));
    let loader = places.iter().map(|place| place.join("ld-linux-x86-64.so.2")).find(|loader| loader.exists());
    let loader = loader.ok_or_else(|| anyhow!("{}: no loader", root.display()))?;
    let libraries = places.map(|place| place.display().to_string()).join(":");
    Ok(format!(
        "#!/bin/sh\nexec {} --library-path {libraries} --preload {} {} \"$@\"\n",
        loader.display(),
        directory.join("shim.so").display(),
        root.join(format!("usr/lib/xen-{}/bin/xenstored", release.name)).display()
    ))
}
