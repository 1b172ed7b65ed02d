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

/// `PATH: DEPENDENCY...`, every dependency of a dependency included. `modprobe` loads the list from its end, so a module stands
/// before all that it needs itself: `bridge: stp llc`, although bridge names llc first.
fn line(inside: &str, module: &Module, taken: &BTreeMap<String, Module>, tree: &Path) -> String {
    let mut needed_first = Vec::new();
    module.depends.iter().for_each(|name| visit(name, taken, &mut needed_first));
    let paths = needed_first.iter().rev().filter_map(|name| taken.get(*name)?.path.strip_prefix(tree).ok());
    paths.fold(format!("{inside}:"), |line, path| format!("{line} {}", path.display())) + "\n"
}

/// Adds what a module needs, then the module.
fn visit<'a>(name: &'a String, taken: &'a BTreeMap<String, Module>, order: &mut Vec<&'a String>) {
    if order.contains(&name) {
        return;
    }
    taken.get(name).into_iter().flat_map(|module| &module.depends).for_each(|name| visit(name, taken, order));
    order.push(name);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_stands_before_what_it_needs() {
        let module = |name: &str, depends: &[&str]| {
            (
                name.to_owned(),
                Module { path: format!("/t/{name}.ko").into(), depends: depends.iter().map(|&name| name.to_owned()).collect() },
            )
        };
        let taken = BTreeMap::from([module("bridge", &["llc", "stp"]), module("stp", &["llc"]), module("llc", &[])]);
        assert_eq!(line("bridge.ko", &taken["bridge"], &taken, Path::new("/t")), "bridge.ko: stp.ko llc.ko\n");
        assert_eq!(line("llc.ko", &taken["llc"], &taken, Path::new("/t")), "llc.ko:\n");
    }
}
