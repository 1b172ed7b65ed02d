//! The xenstore wire codec: any bytes in any split give the same messages, and a message survives its own encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xen_store::wire::{Message, Parser};

fuzz_target!(|data: &[u8]| {
    let whole = parse(data, data.len().max(1));
    let split = parse(data, 1 + usize::from(data.first().copied().unwrap_or(0)));
    assert_eq!(whole, split);
    for message in &whole {
        let mut bytes = Vec::new();
        message.encode(&mut bytes).expect("a parsed message is within the bounds");
        assert_eq!(parse(&bytes, bytes.len()).first(), Some(message));
    }
});

fn parse(data: &[u8], step: usize) -> Vec<Message> {
    let mut parser = Parser::default();
    let mut messages = Vec::new();
    for part in data.chunks(step) {
        parser.push(part);
        loop {
            match parser.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(_) => return messages,
            }
        }
    }
    messages
}
