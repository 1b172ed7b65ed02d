//! The stock tools of one release, as measure and as counterpart: `xl`, both stores, the console daemon and what they load.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Archive, built, closure};
use crate::cache::Cache;
use crate::packages::{Package, Suite, unpack};
use crate::progress::Progress;
use crate::release::Release;

const START: &str = include_str!("files/stock-start.sh");
const LAYOUT: &[u8] = b"peers 3";

/// Programs of `usr/lib/xen-RELEASE/bin`.
const TOOLS: [&str; 7] = ["xl", "xenstored", "oxenstored", "xenconsoled", "xenconsole", "xen-init-dom0", "libxl-save-helper"];
/// Programs of `usr/bin`.
const CLIENTS: [&str; 9] = [
    "strace",
    "xenstore-ls",
    "xenstore-read",
    "xenstore-write",
    "xenstore-list",
    "xenstore-rm",
    "xenstore-exists",
    "xenstore-watch",
    "xenstore-chmod",
];

/// The peers image of a release, from its suite.
pub(crate) fn peers(cache: &Cache, progress: &Progress, release: Release, suite: &mut Suite) -> Result<PathBuf> {
    let all = suite.closure(&release.tool_packages())?;
    let names: Vec<String> = all.into_iter().filter(|name| may_be_needed(name)).collect();
    let packages = suite.fetch(&names)?;
    let digests: Vec<String> = packages.iter().map(|package| package.sha256.clone()).collect();
    let digests = digests.concat();
    let inputs = [LAYOUT, release.name.as_bytes(), digests.as_bytes(), START.as_bytes()];
    built(cache, progress, &format!("peers-{release}"), &inputs, || lay_out(release, suite, &packages))
}

/// Leaves out what the programs of this image cannot need of a whole system's worth of dependencies: interpreters above all.
fn may_be_needed(package: &str) -> bool {
    let library = package.starts_with("lib") && !package.starts_with("libpython");
    library || package.starts_with("xen") || ["strace", "zlib1g"].contains(&package)
}

fn lay_out(release: Release, suite: &Suite, packages: &[Package]) -> Result<Archive> {
    let tree = tempfile::tempdir().context("make a directory to unpack the stock tools in")?;
    for package in packages {
        unpack(&suite.file(package), tree.path(), &[])?;
    }
    let mut archive = Archive::new();
    for name in ["var/lib/xen", "var/log/xen"] {
        archive.directory(name)?;
    }
    archive.file("etc/xen/xl.conf", 0o644, b"")?;
    archive.file("lab/stock-start", 0o755, START.as_bytes())?;
    add_programs(&mut archive, tree.path(), release)?;
    Ok(archive)
}

fn add_programs(archive: &mut Archive, tree: &Path, release: Release) -> Result<()> {
    let libraries = closure::libraries(tree)?;
    let tools = TOOLS.iter().map(|name| format!("usr/lib/xen-{release}/bin/{name}"));
    let clients = CLIENTS.iter().map(|name| format!("usr/bin/{name}"));
    // glibc loads this one by name when a thread is cancelled.
    let mut needed = BTreeSet::from(["libgcc_s.so.1".to_owned()]);
    for program in tools.chain(clients) {
        let path = tree.join(&program);
        closure::needed(&path, &libraries, &mut needed)?;
        add_file(archive, &path, &program, 0o755)?;
    }
    for name in &needed {
        if let Some(path) = libraries.get(name) {
            let place = path.strip_prefix(tree).context("a library outside its tree")?.display().to_string();
            add_file(archive, path, &place, 0o755)?;
            // Where the package has the loader elsewhere, the programs still ask for it here.
            if name.starts_with("ld-linux") && !place.contains("lib64/") {
                add_file(archive, path, &format!("lib64/{name}"), 0o755)?;
            }
        }
    }
    Ok(())
}

/// Links are followed inside the tree by the reader, so a library lands under the name that programs ask for.
fn add_file(archive: &mut Archive, path: &Path, place: &str, permissions: u32) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    archive.file(place, permissions, &bytes)
}
