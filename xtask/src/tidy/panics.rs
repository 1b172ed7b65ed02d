//! Invariant 12: no panic is reachable from a request. Clippy does the looking; this check sees that nobody told it to look away.

use anyhow::Result;

use super::source::Tree;

const LINTS: &[&str] = &["unwrap_used", "expect_used", "panic", "indexing_slicing"];

/// Crates that do not take the workspace's lints, and allowances in shipped code.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    let manifests = tree.files.iter().filter(|file| file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml"));
    let deaf = manifests
        .filter(|file| !takes_lints(&file.text))
        .map(|file| format!("{}: does not take or restate the workspace's lints", file.path));
    let allowed = tree.rust(&["crates/"]).filter(|file| !file.is_test()).flat_map(|file| {
        let lines = file.lines();
        let found = lines.iter().filter(|line| !line.test && line.code.contains("allow(")).filter_map(|line| {
            let lint = LINTS.iter().find(|lint| line.code.contains(&format!("clippy::{lint}")))?;
            Some(format!("{}:{}: allows clippy::{lint} in shipped code", file.path, line.number))
        });
        found.collect::<Vec<_>>()
    });
    Ok(deaf.chain(allowed).collect())
}

fn takes_lints(manifest: &str) -> bool {
    manifest.contains("[lints]\nworkspace = true") || LINTS.iter().all(|lint| manifest.contains(&format!("{lint} = ")))
}
