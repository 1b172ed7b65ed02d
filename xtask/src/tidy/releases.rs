//! Invariants 5 and 8: a release is run-time data, and every release of the table has measured facts.

use anyhow::Result;
use xen_abi::Release;

use super::source::Tree;

/// `cfg` on a release, and releases without facts.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    let compiled = tree.rust(&["crates/"]).flat_map(|file| {
        let lines = file.lines();
        let found = lines.iter().filter(|line| line.code.contains("cfg(") || line.code.contains("cfg!(")).filter_map(|line| {
            let release = line.strings.iter().any(|text| text.contains("xen") || text.contains("4.") || text.contains("4_"));
            release.then(|| format!("{}:{}: cfg on a release", file.path, line.number))
        });
        found.collect::<Vec<_>>()
    });
    let without = Release::ALL.iter().filter_map(|release| {
        let facts = format!("crates/xen-abi/facts/{release}.toml");
        let there = tree.files.iter().any(|file| file.path == facts);
        (!there).then(|| format!("{facts} is missing: run `cargo xtask abi`"))
    });
    Ok(compiled.chain(without).collect())
}
