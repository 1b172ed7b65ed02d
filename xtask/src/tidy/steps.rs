//! Invariant 10: every plan step has an undo, and the golden plans name every step.

use anyhow::Result;

use super::source::Tree;

const STEPS: &str = "crates/xenith-engine/src/step/";

/// Steps without an undo.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    let steps: Vec<_> = tree.rust(&[STEPS]).filter(|file| !file.path.ends_with("/mod.rs")).collect();
    if steps.is_empty() {
        return Ok(vec![format!("{STEPS} holds no step")]);
    }
    Ok(steps.iter().filter(|file| !file.text.contains("fn undo")).map(|file| format!("{}: a step without `fn undo`", file.path)).collect())
}
