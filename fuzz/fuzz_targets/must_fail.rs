//! A target that must fail: it shows that the fuzzer follows coverage, so that the others' silence means something.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rest = data.iter();
    if rest.next() == Some(&b'X') && rest.next() == Some(&b'e') && rest.next() == Some(&b'n') && rest.next() == Some(&0x42) {
        panic!("the word was found");
    }
});
