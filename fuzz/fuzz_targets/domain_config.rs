//! A domain's config file: any text is read, or gives complaints of one short line each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xenith_api::file;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match file::parse(text) {
        Ok(read) => assert!(read.config.form_complaints().is_empty(), "{:?}", read.config),
        Err(complaints) => {
            assert!(!complaints.is_empty());
            for complaint in complaints {
                let line = complaint.to_string();
                assert!(!line.contains('\n') && line.len() < 2000, "{line}");
            }
        }
    }
});
