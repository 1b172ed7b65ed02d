//! bzImages of any bytes, and what stands in them as a compressed payload: bounded output, bounded memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xen_guest::loader::bzimage;
use xen_guest::loader::decompress::{Format, Limits, decompress};

const LIMITS: Limits = Limits { output_bytes: 1 << 20, window_bytes: 8 << 20 };

fuzz_target!(|data: &[u8]| {
    let payload = match bzimage::payload(data) {
        Ok(range) => data.get(range).expect("a payload outside its file"),
        Err(_) => data,
    };
    let Some(format) = Format::of(payload) else { return };
    let mut out = Vec::new();
    if let Ok(bytes) = decompress(format, payload, &LIMITS, &mut out) {
        assert_eq!(bytes, out.len() as u64);
    }
    assert!(out.len() as u64 <= LIMITS.output_bytes, "{} bytes came out", out.len());
});
