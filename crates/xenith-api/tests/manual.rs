//! Pages of the manual that are made from the code: they are committed, and these tests compare them.

// A helper of tests, which the lint does not know as such.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;

use xenith_api::latest::Code;

#[track_caller]
fn is_current(page: &str, current: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/interfaces").join(page);
    if std::env::var_os("XENITH_WRITE_DOCS").is_some() {
        std::fs::write(&path, current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == current, "docs/interfaces/{page} is not current; run XENITH_WRITE_DOCS=1 cargo test -p xenith-api");
}

#[test]
fn the_config_file() {
    is_current("domain-config.md", &xenith_api::file::help::markdown());
}

#[test]
fn the_problem_codes() {
    let mut page = String::from(
        "# Problem codes\n\n\
         Every failure has a stable code: in the API's problems (RFC 9457) as `code`, on the command line at the end of the line, in brackets.\n\
         Codes are added, never changed. This page is made from `crates/xenith-api/src/v1/problem.rs`; a test compares them.\n\n\
         | code | HTTP status | meaning |\n| --- | --- | --- |\n",
    );
    for code in Code::ALL {
        writeln!(page, "| `{code}` | {} | {} |", code.status(), code.about()).unwrap();
        assert_eq!(serde_json::to_value(code).unwrap(), code.text());
    }
    is_current("problem-codes.md", &page);
}
