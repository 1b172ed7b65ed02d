//! `cargo xtask tidy`: the house's invariants, each a check of its own file.
//!
//! | invariant (ARCHITECTURE.md) | check |
//! | --- | --- |
//! | 1 `unsafe` only in xen-sys, each block with its reason | `unsafe_code` |
//! | 2 crate edges are those of the picture | `edges` |
//! | 3 no I/O and no clock in the pure parts | `purity` |
//! | 4 no C in the shipped binary | `no_c` |
//! | 5 no `cfg` on a Xen release | `releases` |
//! | 6 no xenstore path outside the constructors | `store_paths` |
//! | 7 guest memory is never a slice | `guest_memory` |
//! | 8 facts for every release | `releases` |
//! | 10 every plan step has an undo | `steps` |
//! | 11 every parser of hostile bytes has a fuzz target | `fuzz_targets` |
//! | 12 no panic reachable from a request | `panics` |
//! | what stays out of the repository | `strangers` |
//!
//! Invariant 9 (frozen API documents) begins with the first frozen document.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

mod edges;
mod fuzz_targets;
mod guest_memory;
mod no_c;
mod panics;
mod purity;
mod releases;
mod source;
mod steps;
mod store_paths;
mod strangers;
mod unsafe_code;

use source::Tree;

/// A check: its name, and what it finds wrong, a line each.
type Check = (&'static str, fn(&Tree) -> Result<Vec<String>>);

const CHECKS: &[Check] = &[
    ("unsafe_code", unsafe_code::check),
    ("edges", edges::check),
    ("purity", purity::check),
    ("no_c", no_c::check),
    ("releases", releases::check),
    ("store_paths", store_paths::check),
    ("guest_memory", guest_memory::check),
    ("steps", steps::check),
    ("fuzz_targets", fuzz_targets::check),
    ("panics", panics::check),
    ("strangers", strangers::check),
];

/// Which checks to run.
#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Only these checks, by name.
    checks: Vec<String>,
}

/// Runs the checks; fails when any finds something.
pub fn run(arguments: &Arguments) -> Result<()> {
    if let Some(stranger) = arguments.checks.iter().find(|name| !CHECKS.iter().any(|(known, _)| known == name)) {
        let known: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
        bail!("no check is called {stranger}; the checks are {}", known.join(", "));
    }
    let tree = Tree::read(&root()?)?;
    let mut wrong = 0;
    for (name, check) in CHECKS {
        if !arguments.checks.is_empty() && !arguments.checks.iter().any(|wanted| wanted == name) {
            continue;
        }
        let findings = check(&tree).with_context(|| format!("tidy {name}"))?;
        println!("tidy {name}: {}", if findings.is_empty() { "ok".to_string() } else { format!("{} findings", findings.len()) });
        for finding in &findings {
            println!("  {finding}");
        }
        wrong += findings.len();
    }
    if wrong > 0 {
        bail!("tidy: {wrong} findings; ARCHITECTURE.md says why each invariant stands");
    }
    Ok(())
}

fn root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).context("xtask has no parent folder")
}
