//! Kernel images of any bytes: headers, segments, notes, and what the builder makes of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xen_guest::loader::kernel;

fuzz_target!(|data: &[u8]| {
    if let Ok(info) = kernel::inspect(data) {
        assert!(info.start() <= info.end(), "a kernel that ends before it begins");
    }
});
