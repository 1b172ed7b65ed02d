//! Invariant 11: every parser of bytes from a guest, a file or a peer has a fuzz target.

use anyhow::Result;

use super::source::Tree;

/// Each parser and the target that feeds it.
const PARSERS: &[(&str, &str)] = &[
    ("crates/xen-guest/src/loader/elf.rs", "elf"),
    ("crates/xen-guest/src/loader/notes.rs", "notes"),
    ("crates/xen-guest/src/loader/bzimage.rs", "bzimage"),
    ("crates/xen-store/src/wire/parser.rs", "store_wire"),
    ("crates/xen-store/src/server/mod.rs", "store_server"),
    ("crates/xen-store/src/stream/reader.rs", "store_stream"),
    ("crates/xenith-store/src/ring.rs", "store_ring"),
    ("crates/xenith-api/src/file/mod.rs", "domain_config"),
];

/// Parsers without a target, targets without a file, parsers that moved.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    let has = |path: &str| tree.files.iter().any(|file| file.path == path);
    let findings = PARSERS.iter().flat_map(|(parser, target)| {
        let target = format!("fuzz/fuzz_targets/{target}.rs");
        let missing = [(*parser).to_string(), target].into_iter().filter(|path| !has(path));
        missing.map(|path| format!("{path} is missing: parsers and targets are listed in fuzz_targets.rs")).collect::<Vec<_>>()
    });
    Ok(findings.collect())
}
