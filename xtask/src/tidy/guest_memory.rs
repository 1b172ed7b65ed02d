//! Invariant 7: memory that a guest can change is never a slice, a reference or an address that leaves xen-sys.

use anyhow::Result;

use super::source::Tree;

/// What would make a slice or a plain reference of mapped memory.
const SLICES: &[&str] = &["from_raw_parts", "as_ref_unchecked", "slice_from_raw_parts", "&*"];

/// Slices over raw memory in xen-sys, and accessors of the seam that would hand memory out.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in tree.rust(&["crates/xen-sys/src/"]) {
        for line in file.lines().iter().filter(|line| !line.test) {
            for word in SLICES.iter().filter(|word| line.code.contains(**word)) {
                findings.push(format!("{}:{}: {word} could make a slice of shared memory", file.path, line.number));
            }
            let code = line.code.trim();
            if code.starts_with("pub fn") && (code.contains("-> *") || code.contains("-> NonNull")) {
                findings.push(format!("{}:{}: hands out a raw pointer", file.path, line.number));
            }
        }
    }
    for file in tree.rust(&["crates/xen-hv/src/seam"]) {
        for line in file.lines().iter().filter(|line| line.code.contains("fn ") && line.code.contains("-> &") && line.code.contains("u8]"))
        {
            findings.push(format!("{}:{}: a trait of the seam hands out a slice", file.path, line.number));
        }
    }
    Ok(findings)
}
