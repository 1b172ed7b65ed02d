//! The live-update stream, and oxenstored's text: any bytes make a server that goes on, or a typed error. What was loaded can be written, and that loads again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xen_store::quota::Quota;
use xen_store::server::{End, Loaded, Outside, Server};
use xen_store::stream::text::is_text;
use xen_store::stream::{Peer, Reader, Record, Version, Writer};

fuzz_target!(|bytes: &[u8]| {
    let whole = records_survive(bytes);
    let Ok(loaded) = Server::load(Quota::default(), bytes) else { return };
    assert!(whole || is_text(bytes), "a server comes out of whole streams alone");
    let outside = outside(&loaded);
    let mut server = loaded.server;
    for version in [Version::V1, Version::V2] {
        if let Ok(stream) = server.dump(version, &outside) {
            assert!(Server::load(Quota::default(), &stream).is_ok(), "what is written is read");
        }
    }
    while server.step() {}
});

fn outside(loaded: &Loaded) -> Outside {
    let end = |peer| match peer {
        Peer::Socket { fd } => End::Socket(fd),
        Peer::Ring { port, .. } => End::Ring(port),
    };
    Outside { ends: loaded.clients.iter().map(|client| (client.conn, end(client.peer))).collect(), ..Outside::default() }
}

/// What was read survives being written. Whether the stream was whole.
fn records_survive(bytes: &[u8]) -> bool {
    let Ok(reader) = Reader::new(bytes) else { return false };
    let mut writer = Writer::new(reader.version());
    let all: Vec<_> = reader.collect();
    let whole = all.iter().all(Result::is_ok);
    let said = all.into_iter().map_while(Result::ok).filter(|record| !matches!(record, Record::End | Record::Unknown(_)));
    let records: Vec<Record> = said.collect();
    for record in &records {
        writer.put(record).expect("what a record said can be said again");
    }
    let stream = writer.finish();
    let again: Vec<Record> = Reader::new(&stream).expect("our header").map(|record| record.expect("our record")).collect();
    assert_eq!(again.split_last(), Some((&Record::End, records.as_slice())));
    whole
}
