//! The kernel modules of dom0, with what they depend on, and the `modules.dep` that `modprobe` reads.
//!
//! Debian's package carries no `modules.dep` (its installer runs depmod), but every module names what it needs in its
//! `.modinfo` section.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use object::{Object, ObjectSection};

use super::Archive;

/// What dom0 can load. A new device's module is one word here.
const WANTED: [&str; 14] = [
    "xenfs",
    "xen_privcmd",
    "xen_gntdev",
    "xen_evtchn",
    "xen_gntalloc",
    "xen_blkback",
    "xen_netback",
    "bridge",
    "loop",
    "tun",
    "brd",
    "virtio_blk",
    "virtio_pci",
    "virtio_net",
];

/// One module and the names it depends on.
struct Module {
    path: PathBuf,
    depends: Vec<String>,
}

/// Adds the wanted modules and their dependencies under `lib/modules/VERSION`.
pub(super) fn add(archive: &mut Archive, tree: &Path, version: &str) -> Result<()> {
    let found = files_by_name(tree)?;
    let mut taken = BTreeMap::new();
    for name in WANTED {
        take(name, &found, &mut taken)?;
    }
    let place = format!("lib/modules/{version}");
    let mut dependencies = String::new();
    for module in taken.values() {
        let inside = module.path.strip_prefix(tree).context("a module outside its tree")?.display().to_string();
        let bytes = fs::read(&module.path).with_context(|| format!("read {}", module.path.display()))?;
        archive.file(&format!("{place}/{inside}"), 0o644, &bytes)?;
        dependencies.push_str(&line(&inside, module, &taken, tree));
    }
    archive.file(&format!("{place}/modules.dep"), 0o644, dependencies.as_bytes())
}

/// `PATH: DEPENDENCY...`, every dependency of a dependency included, nearest first.
fn line(inside: &str, module: &Module, taken: &BTreeMap<String, Module>, tree: &Path) -> String {
    let mut names: Vec<&String> = module.depends.iter().collect();
    let mut next = 0;
    while let Some(name) = names.get(next).copied() {
        let more = taken.get(name).map(|module| module.depends.as_slice()).unwrap_or_default();
        names.extend(more.iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
        next += 1;
    }
    let paths = names.iter().filter_map(|name| taken.get(*name)?.path.strip_prefix(tree).ok());
    paths.fold(format!("{inside}:"), |line, path| format!("{line} {}", path.display())) + "\n"
}

fn take(name: &str, found: &BTreeMap<String, PathBuf>, taken: &mut BTreeMap<String, Module>) -> Result<()> {
    if taken.contains_key(name) {
        return Ok(());
    }
    let path = found.get(name).ok_or_else(|| anyhow!("module {name} is not in the kernel package"))?;
    let depends = depends(path)?;
    taken.insert(name.to_owned(), Module { path: path.clone(), depends: depends.clone() });
    depends.iter().try_for_each(|name| take(name, found, taken))
}

/// The `depends=a,b` entry of `.modinfo`.
fn depends(path: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let file = object::File::parse(&*bytes).with_context(|| format!("parse {}", path.display()))?;
    let section = file.section_by_name(".modinfo").ok_or_else(|| anyhow!("{}: no .modinfo", path.display()))?;
    let info = section.data().with_context(|| format!("read .modinfo of {}", path.display()))?;
    let entry = info.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"depends=")).unwrap_or_default();
    let names = String::from_utf8_lossy(entry);
    Ok(names.split(',').filter(|name| !name.is_empty()).map(plain).collect())
}

/// Every module file below a directory, by its name with `_` for `-`.
fn files_by_name(tree: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![tree.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("list {}", directory.display()))?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if let (Some("ko"), Some(stem)) = (path.extension().and_then(|end| end.to_str()), path.file_stem()) {
                found.insert(plain(&stem.to_string_lossy()), path);
            }
        }
    }
    Ok(found)
}

fn plain(name: &str) -> String {
    name.replace('-', "_")
}
