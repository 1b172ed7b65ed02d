//! The documented stream: any bytes give records or an error, and what was read survives being written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xen_store::stream::{Reader, Record, Writer};

fuzz_target!(|data: &[u8]| {
    let Ok(reader) = Reader::new(data) else { return };
    let mut writer = Writer::new(reader.version());
    let records: Vec<Record> = reader.map_while(Result::ok).filter(|record| !matches!(record, Record::End | Record::Unknown(_))).collect();
    for record in &records {
        writer.put(record).expect("what a record said can be said again");
    }
    let stream = writer.finish();
    let again: Vec<Record> = Reader::new(&stream).expect("our header").map(|record| record.expect("our record")).collect();
    assert_eq!(again.split_last(), Some((&Record::End, records.as_slice())));
});
