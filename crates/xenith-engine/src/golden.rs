//! Golden texts of the tests: files under `tests/golden`, written anew with `XENITH_BLESS=1`.

use std::path::Path;

/// Compares with the file of that name, or writes it where blessing is asked for.
pub(crate) fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("XENITH_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("makes the directory");
        std::fs::write(&path, text).expect("writes the golden text");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{name} differs; XENITH_BLESS=1 accepts this:\n{text}\ninstead of:\n{golden}");
}
