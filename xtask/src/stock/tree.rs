//! A tree as `xenstore-ls -fp` tells it, without what differs from boot to boot.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Nodes whose value is a time or an address of one boot: the name at the path's end.
const OF_THE_BOOT: [&str; 8] =
    ["start_time", "ring-ref", "tx-ring-ref", "rx-ring-ref", "event-channel", "event-channel-tx", "event-channel-rx", "port"];
/// Fewer nodes than dom0's own are no tree.
const FEWEST: usize = 8;

/// Every node of a file, a line each.
///
/// # Errors
/// When there is no tree in it.
pub fn read(file: &Path, release: &str) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let tree: BTreeSet<String> = text.lines().filter_map(|line| node(line, release)).collect();
    ensure!(tree.len() >= FEWEST, "{}: {} nodes", file.display(), tree.len());
    Ok(tree)
}

/// What stands in one of two trees only.
pub fn difference<'a>(ours: &'a BTreeSet<String>, stock: &'a BTreeSet<String>) -> impl Iterator<Item = String> + 'a {
    let only = |store: &str, line: &String| format!("only with {store}: {line}");
    let ours_only = ours.difference(stock).map(move |line| only("our store", line));
    ours_only.chain(stock.difference(ours).map(move |line| only("the stock store", line)))
}

fn node(line: &str, release: &str) -> Option<String> {
    let path = line.split(" = ").next().unwrap_or(line);
    // Our store names CPU pools whatever the release, as xen-init-dom0 does since 4.17.
    if release == "4.14" && (path == "/local/pool" || path.starts_with("/local/pool/")) {
        return None;
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let line = line.split_inclusive(|c: char| !c.is_ascii_hexdigit() && c != '-').map(without_uuid).collect::<String>();
    match (OF_THE_BOOT.contains(&name), line.split_once(" = \""), line.rsplit_once('"')) {
        (true, Some((path, _)), Some((_, permissions))) => Some(format!("{path} = \"...\"{permissions}")),
        _ => Some(line),
    }
}

/// A uuid and the character behind it.
fn without_uuid(word: &str) -> String {
    let uuid = word.get(..36).filter(|word| word.split('-').map(str::len).eq([8, 4, 4, 4, 12]));
    uuid.map_or_else(|| word.to_owned(), |uuid| format!("UUID{}", word.get(uuid.len()..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_without_what_a_boot_decides() {
        for (line, expected) in [
            ("/local/domain/2/name = \"lin\"   (n0,r2)", Some("/local/domain/2/name = \"lin\"   (n0,r2)")),
            ("/local/domain/2/device/vbd/1/ring-ref = \"8\"   (n2,r0)", Some("/local/domain/2/device/vbd/1/ring-ref = \"...\"   (n2,r0)")),
            ("/vm/00112233-4455-6677-8899-aabbccddeeff/name = \"lin\"   (n0,r2)", Some("/vm/UUID/name = \"lin\"   (n0,r2)")),
            (
                "/local/domain/2/vm = \"/vm/00112233-4455-6677-8899-aabbccddeeff\"   (n0,r2)",
                Some("/local/domain/2/vm = \"/vm/UUID\"   (n0,r2)"),
            ),
            ("/local/pool/0/name = \"Pool-0\"   (n0)", None),
        ] {
            assert_eq!(node(line, "4.14").as_deref(), expected, "{line}");
        }
        let pool = "/local/pool/0/name = \"Pool-0\"   (n0)";
        assert_eq!(node(pool, "4.17").as_deref(), Some(pool));
    }

    #[test]
    fn a_difference_names_its_store() {
        let [ours, stock] = [["a", "b"], ["b", "c"]].map(|lines| lines.map(str::to_owned).into());
        let told: Vec<String> = difference(&ours, &stock).collect();
        assert_eq!(told, ["only with our store: a", "only with the stock store: c"]);
    }
}
