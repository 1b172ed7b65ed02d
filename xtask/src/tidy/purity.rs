//! Invariant 3: xen-abi, xenith-api, the xen-store core and engine's plan do no I/O and read no clock.

use anyhow::Result;

use super::source::Tree;

const PURE: &[&str] = &["crates/xen-abi/src/", "crates/xenith-api/src/", "crates/xen-store/src/", "crates/xenith-engine/src/plan"];
/// The two clients reach what they talk to: the API's its socket, the store's a socket or the kernel's device.
const EXCEPT: &[&str] = &[
    "crates/xenith-api/src/client",
    "crates/xen-store/src/client/open.rs",
    "crates/xen-store/src/client/socket.rs",
    "crates/xen-store/src/client/device.rs",
];
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::os::unix::net",
    "std::env",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "rustix::",
    "libc::",
    "tokio::",
];

/// Mentions of I/O or of a clock in pure code.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    let files = tree.rust(PURE).filter(|file| !EXCEPT.iter().any(|path| file.path.starts_with(path)));
    let findings = files.flat_map(|file| {
        let lines = file.lines();
        let found = lines.iter().filter(|line| !line.test).flat_map(|line| {
            let named = IMPURE.iter().filter(|word| line.code.contains(**word));
            named.map(|word| format!("{}:{}: {word} in pure code", file.path, line.number))
        });
        found.collect::<Vec<_>>()
    });
    Ok(findings.collect())
}
