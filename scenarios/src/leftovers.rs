//! What a host holds, so that "exactly as before" can be said and shown.

use std::collections::{BTreeMap, BTreeSet};

/// A snapshot. Two are equal when nothing was left behind and nothing taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Memory that no domain holds, in KiB.
    pub free_memory_kib: u64,
    /// Every domain, dying ones included.
    pub domains: BTreeSet<u16>,
    /// Every xenstore path.
    pub store_paths: BTreeSet<String>,
    /// Whatever else the place can count, by name: event channels, grants, claims, files of the run directory.
    pub counts: BTreeMap<String, u64>,
}

impl Leftovers {
    /// What differs, a line each; empty when nothing does. Free memory may be off by `slack_kib`.
    #[must_use]
    pub fn differences(&self, after: &Leftovers, slack_kib: u64) -> Vec<String> {
        let mut lines = Vec::new();
        if self.free_memory_kib.abs_diff(after.free_memory_kib) > slack_kib {
            lines.push(format!("free memory: {} KiB before, {} KiB after", self.free_memory_kib, after.free_memory_kib));
        }
        lines.extend(after.domains.difference(&self.domains).map(|domid| format!("d{domid} stayed behind")));
        lines.extend(self.domains.difference(&after.domains).map(|domid| format!("d{domid} is gone")));
        lines.extend(after.store_paths.difference(&self.store_paths).map(|path| format!("node {path} stayed behind")));
        lines.extend(self.store_paths.difference(&after.store_paths).map(|path| format!("node {path} is gone")));
        let names: BTreeSet<&String> = self.counts.keys().chain(after.counts.keys()).collect();
        lines.extend(names.into_iter().filter_map(|name| {
            let (before, after) = (self.counts.get(name).unwrap_or(&0), after.counts.get(name).unwrap_or(&0));
            (before != after).then(|| format!("{name}: {before} before, {after} after"))
        }));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_leftover_is_told() {
        let before = Leftovers {
            free_memory_kib: 100,
            domains: [0].into(),
            store_paths: ["/a".into()].into(),
            counts: [("ports".into(), 4)].into(),
        };
        let after = Leftovers {
            free_memory_kib: 92,
            domains: [0, 5].into(),
            store_paths: ["/a".into(), "/b".into()].into(),
            counts: [("ports".into(), 5)].into(),
        };
        assert_eq!(before.differences(&before, 0), Vec::<String>::new());
        let told = before.differences(&after, 4);
        assert_eq!(
            told,
            ["free memory: 100 KiB before, 92 KiB after", "d5 stayed behind", "node /b stayed behind", "ports: 4 before, 5 after"]
        );
    }
}
