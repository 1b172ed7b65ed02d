//! Invariant 4: no C library of Xen in the shipped binary, and no C compiled for it; under 150 crates in all.

#![allow(clippy::indexing_slicing, reason = "the workshop may stop: nothing of it ships")]

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

use super::source::Tree;

/// Crates that compile or generate bindings to C in a build script.
const COMPILERS: &[&str] = &["cc", "cmake", "bindgen", "pkg-config", "autotools"];
/// Crates that have C beside Rust, and the feature with which they leave it out.
const WITHOUT_C: &[(&str, &str)] = &[("blake3", "pure")];
/// The design's budget for the shipped daemon.
const MOST_CRATES: usize = 150;

/// Crates below `xenith` that link or compile C, and a closure over the budget.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(tree.root.join("Cargo.toml"))
        .other_options(["--filter-platform".to_string(), "x86_64-unknown-linux-gnu".to_string()])
        .exec()
        .context("cargo metadata")?;
    let shipped = closure(&metadata)?;
    let resolve = metadata.resolve.as_ref().context("cargo metadata without a resolve")?;
    let has = |id: &PackageId, feature: &str| {
        resolve.nodes.iter().any(|node| node.id == *id && node.features.iter().any(|one| one.as_str() == feature))
    };
    let leaves_c_out =
        |package: &Package| WITHOUT_C.iter().any(|(name, feature)| package.name.as_str() == *name && has(&package.id, feature));
    let mut findings = Vec::new();
    for package in metadata.packages.iter().filter(|package| shipped.contains(&package.id)) {
        let builds = package.dependencies.iter().filter(|edge| edge.kind == DependencyKind::Build && !edge.optional);
        findings.extend(
            builds
                .filter(|edge| COMPILERS.contains(&edge.name.as_str()) && !leaves_c_out(package))
                .map(|edge| format!("{} builds C with {}", package.name, edge.name)),
        );
        // A crate that reserves a link name without compiling anything (as prettyplease does) is harmless; one that ends in -sys is not.
        if package.links.is_some() && package.name.ends_with("-sys") && package.name.as_str() != "linux-raw-sys" {
            findings.push(format!("{} links to {}", package.name, package.links.as_deref().unwrap_or_default()));
        }
    }
    if shipped.len() > MOST_CRATES {
        findings.push(format!("the shipped binary is made of {} crates, over {MOST_CRATES}", shipped.len()));
    }
    println!("  the shipped binary is made of {} crates", shipped.len());
    Ok(findings)
}

/// Everything that `xenith` is built of, by normal edges.
fn closure(metadata: &Metadata) -> Result<BTreeSet<PackageId>> {
    let resolve = metadata.resolve.as_ref().context("cargo metadata without a resolve")?;
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let start = metadata.packages.iter().find(|package| package.name.as_str() == "xenith").context("no crate xenith")?;
    let mut reached = BTreeSet::new();
    let mut open = vec![&start.id];
    while let Some(id) = open.pop() {
        if reached.insert(id.clone()) {
            let normal = nodes[id].deps.iter().filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            open.extend(normal.map(|edge| &edge.pkg));
        }
    }
    Ok(reached)
}
