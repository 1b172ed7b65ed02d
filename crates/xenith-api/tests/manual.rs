//! The manual's page of the config file is the one that the table of keys gives.

use std::path::Path;

#[test]
fn the_page_is_current() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/interfaces/domain-config.md");
    let current = xenith_api::file::help::markdown();
    if std::env::var_os("XENITH_WRITE_DOCS").is_some() {
        std::fs::write(&page, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(committed == current, "docs/interfaces/domain-config.md is not current; run XENITH_WRITE_DOCS=1 cargo test -p xenith-api");
}
