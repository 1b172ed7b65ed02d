//! Note segments of any bytes, in any two parts: absorbing never panics, and order within a part is kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xen_guest::loader::notes::XenNotes;

fuzz_target!(|data: &[u8]| {
    let (first, second) = data.split_at(data.len() / 2);
    let mut notes = XenNotes::default();
    notes.absorb(first);
    notes.absorb(second);
    if notes.pvh_entry().is_ok() {
        assert!(notes.entry.is_some(), "an entry that no note told");
    }
    let _ = notes.wants_low_rsdp();
});
