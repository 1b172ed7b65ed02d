//! Invariant 6: no xenstore path literal outside the path constructors of xen-store.

use anyhow::Result;

use super::source::Tree;

const HOME: &[&str] = &["crates/xen-store/src/path"];
const ROOTS: &[&str] = &["/local/domain", "/local/pool", "/vm/", "/libxl/", "/tool/"];

/// Path literals in shipped code.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    let files = tree.rust(&["crates/"]).filter(|file| !HOME.iter().any(|home| file.path.starts_with(home)));
    let findings = files.flat_map(|file| {
        let lines = file.lines();
        let literals = lines.iter().filter(|line| !line.test).flat_map(|line| {
            let paths = line.strings.iter().filter(|text| ROOTS.iter().any(|root| text.starts_with(root)));
            paths.map(|text| format!("{}:{}: \"{text}\": use xen_store::path", file.path, line.number))
        });
        literals.collect::<Vec<_>>()
    });
    Ok(findings.collect())
}
