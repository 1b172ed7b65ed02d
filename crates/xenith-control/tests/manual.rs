//! The manual's examples, taken from `docs/interfaces/api.md` and run by a shell against a control on a simulated host.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::process::Command;

use common::{Host, Served};
use xen_abi::Release;

/// The shell blocks of a page.
fn blocks(page: &str) -> Vec<String> {
    page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_examples_do_what_they_say() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/interfaces/api.md")).unwrap();
    let host = Host::new(Release::V4_20);
    let before = host.domids();
    let mut served = Served::new(&host, host.start());
    let directory = served.socket.parent().unwrap().display().to_string();
    let all = blocks(&page);
    assert!(all.len() >= 3 && all.concat().matches("curl ").count() >= 10, "{all:?}");
    let mut said = String::new();
    for block in &all {
        let script = block.replace("/run/xenith", &directory).replace("/boot/vmlinuz-guest", &host.kernel().display().to_string());
        let done = Command::new("sh").args(["-e", "-c", &script]).output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{script}: {told}{}", String::from_utf8_lossy(&done.stderr));
        said += &told;
    }
    for word in [
        "\"kind\":\"create\"",
        "\"name\":\"web\"",
        "\"pending\":true",
        "\"kind\":\"domain-created\"",
        "Xen settings: BTI-Thunk",
        "\"free_cpus\":[]",
        "\"value_hex\":\"00ff\"",
    ] {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert_eq!(host.domids(), before, "the last example destroys what the first created");
    served.stop();
}
