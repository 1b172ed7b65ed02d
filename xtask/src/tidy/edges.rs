//! Invariant 2: the edges between our crates are those of the picture in ARCHITECTURE.md.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use super::source::Tree;

/// Each crate and what it may depend on. The workshop's crates stand above the line and may reach further.
const EDGES: &[(&str, &[&str])] = &[
    ("xen-abi", &[]),
    ("xenith-api", &[]),
    ("xen-hv", &["xen-abi"]),
    ("xen-store", &["xen-abi"]),
    ("xen-sys", &["xen-hv", "xen-abi"]),
    ("xen-sim", &["xen-hv", "xen-abi"]),
    ("xen-guest", &["xen-hv", "xen-abi"]),
    ("xen-backend", &["xen-hv", "xen-store", "xen-abi"]),
    ("xenith-engine", &["xenith-api", "xen-guest", "xen-store", "xen-hv", "xen-abi"]),
    ("xenith-control", &["xenith-engine", "xenith-api", "xen-store", "xen-hv", "xen-abi"]),
    ("xenith-store", &["xen-store", "xen-hv", "xen-abi"]),
    ("xenith-console", &["xen-backend", "xen-store", "xen-hv", "xen-abi"]),
    (
        "xenith",
        &["xenith-control", "xenith-store", "xenith-console", "xenith-engine", "xenith-api", "xen-sys", "xen-hv", "xen-store", "xen-abi"],
    ),
    (
        "scenarios",
        &[
            "xenith-control",
            "xenith-store",
            "xenith-console",
            "xenith-engine",
            "xenith-api",
            "xen-sim",
            "xen-store",
            "xen-sys",
            "xen-hv",
            "xen-abi",
            "lab",
        ],
    ),
    ("lab", &["xenith-api"]),
    ("xtask", &["xen-abi", "lab"]),
];

/// Edges that the picture does not have, and crates that it does not show. Test-only edges are free.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    let metadata = MetadataCommand::new().manifest_path(tree.root.join("Cargo.toml")).no_deps().exec().context("cargo metadata")?;
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == package.name.as_str()) else {
            findings.push(format!("{} is not in the picture: add it to ARCHITECTURE.md and to EDGES", package.name));
            continue;
        };
        let edges =
            package.dependencies.iter().filter(|edge| edge.kind != DependencyKind::Development && ours.contains(edge.name.as_str()));
        findings.extend(
            edges
                .filter(|edge| !allowed.contains(&edge.name.as_str()))
                .map(|edge| format!("{} may not depend on {}", package.name, edge.name)),
        );
    }
    Ok(findings)
}
