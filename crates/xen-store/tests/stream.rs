//! The documented stream: what is written is read, byte by byte as C xenstored lays it out; anything else is a typed error.

use proptest::prelude::*;
use xen_abi::{DomId, Port};
use xen_store::perms::{Perm, Rights};
use xen_store::stream::{
    Access, ConnectionRecord, DomainRecord, Fault, GlobalQuotaRecord, GlobalRecord, NodePlace, NodeRecord, Peer, QuotaValue, Reader,
    Record, StreamError, StreamPerm, TransactionRecord, Version, WatchRecord, Writer,
};

#[allow(clippy::unwrap_used)] // The strategies make nothing that cannot be said.
fn write(version: Version, records: &[Record]) -> Vec<u8> {
    let mut writer = Writer::new(version);
    records.iter().for_each(|record| writer.put(record).unwrap());
    writer.finish()
}

fn read(stream: &[u8]) -> Result<Vec<Record>, StreamError> {
    Reader::new(stream)?.collect()
}

/// What 4.20 writes for a socket client that said half a header, with one watch, and for a node: spelled out from the document and from
/// `xenstore_state.h`.
const BY_HAND: &[&[u8]] = &[
    b"xenstore\0\0\0\x01\0\0\0\0",
    b"\x01\0\0\0\x08\0\0\0\x05\0\0\0\x06\0\0\0",
    b"\x02\0\0\0\x20\0\0\0",
    b"\x01\0\0\0\x01\0\0\0\x09\0\0\0\0\0\0\0\x02\0\x03\0\x03\0\0\0\x0b\0OK\0\0\0\0",
    b"\x03\0\0\0\x10\0\0\0\x01\0\0\0\x03\0\x02\0/a\0t\0\0\0\0",
    b"\x05\0\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\x03\0\x01\0\0\0\x02\0",
    b"n\0\0\0r\x01\x05\0/a\0v\0\0\0\0",
    b"\0\0\0\0\0\0\0\0",
];

fn by_hand() -> Vec<Record> {
    let peer = Peer::Socket { fd: 9 };
    let perm = |domid, rights, stale| StreamPerm { perm: Perm::new(DomId(domid), rights), stale };
    vec![
        Record::Global(GlobalRecord { socket_fd: Some(5), evtchn_fd: Some(6) }),
        Record::Connection(ConnectionRecord { id: 1, peer, input: vec![11, 0], half_sent: 3, output: b"OK\0".to_vec(), unique_id: None }),
        Record::Watch(WatchRecord { conn: 1, path: (*b"/a").into(), token: (*b"t").into(), depth: None }),
        Record::Node(NodeRecord {
            place: NodePlace::Committed,
            perms: vec![perm(0, Rights::NONE, false), perm(5, Rights::READ, true)],
            path: (*b"/a").into(),
            value: (*b"v").into(),
        }),
    ]
}

#[test]
fn the_bytes_are_those_of_the_document() {
    let stream = BY_HAND.concat();
    assert_eq!(write(Version::V1, &by_hand()), stream);
    let mut records = by_hand();
    records.push(Record::End);
    assert_eq!(read(&stream), Ok(records));
}

#[test]
fn a_length_without_its_padding_and_unknown_records_are_read() {
    let stream = [BY_HAND[0], b"\x63\0\0\0\x03\0\0\0abc\0\0\0\0\0", BY_HAND[7]].concat();
    assert_eq!(read(&stream), Ok(vec![Record::Unknown(0x63), Record::End]));
}

#[test]
fn a_big_endian_stream_is_read() {
    let stream = [b"xenstore\0\0\0\x02\0\0\0\x01".as_slice(), b"\0\0\0\x04\0\0\0\x08\0\0\0\x07\0\0\x01\0", &[0; 8]].concat();
    assert_eq!(read(&stream), Ok(vec![Record::Transaction(TransactionRecord { conn: 7, tx_id: 256 }), Record::End]));
}

#[test]
fn broken_streams_say_what_is_wrong_and_where() {
    let after = |bytes: &[u8]| [BY_HAND[0], bytes].concat();
    let cases: &[(Vec<u8>, usize, Fault)] = &[
        (b"".to_vec(), 0, Fault::Short),
        (b"xenstorf\0\0\0\x01\0\0\0\0".to_vec(), 0, Fault::Ident),
        (b"xenstore\0\0\0\x03\0\0\0\0".to_vec(), 0, Fault::Version(3)),
        (b"xenstore\0\0\0\x01\0\0\0\x04".to_vec(), 0, Fault::Flags(4)),
        (after(b""), 16, Fault::Unended),
        (after(b"\x01\0\0\0\xff\xff\xff\xff"), 16, Fault::Short),
        (after(b"\x01\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0"), 16, Fault::Short),
        (after(b"\x02\0\0\0\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 16, Fault::ConnectionZero),
        (after(b"\x02\0\0\0\x18\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 16, Fault::ConnectionType(2)),
        (
            after(b"\x02\0\0\0\x18\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\0\0\0\0\0"),
            16,
            Fault::HalfReply { reply: 9, output: 0 },
        ),
        (after(b"\x02\0\0\0\x18\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x7f"), 16, Fault::Short),
        (after(b"\x03\0\0\0\x10\0\0\0\x01\0\0\0\x03\0\x02\0/ab\0t\0\0\0"), 16, Fault::String),
        (after(b"\x08\0\0\0\0\0\0\0"), 16, Fault::NeedsVersion2),
        (after(b"\x05\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"), 16, Fault::NoOwner),
        (after(b"\x05\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\xff\xff"), 16, Fault::Short),
        (after(b"\x05\0\0\0\x18\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\x01\0x\0\0\0\0\0\0\0"), 16, Fault::Permission(b'x')),
        (after(b"\x06\0\0\0\x08\0\0\0\x01\0\0\0\0\0\0\0"), 16, Fault::String),
    ];
    for (stream, at, fault) in cases {
        assert_eq!(read(stream), Err(StreamError { at: *at, fault: *fault }), "{stream:?}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_and_leaves_the_stream_whole() {
    let watch = |depth, path: &[u8]| Record::Watch(WatchRecord { conn: 1, path: path.into(), token: (*b"t").into(), depth });
    let mut writer = Writer::new(Version::V1);
    let too_long = Fault::TooLong { len: 70_001, max: 65_535 };
    let cases =
        [(watch(Some(1), b"/a"), Fault::NeedsVersion2), (watch(None, b"/a\0b"), Fault::String), (watch(None, &[b'a'; 70_000]), too_long)];
    for (record, fault) in cases {
        assert_eq!(writer.put(&record), Err(StreamError { at: 16, fault }));
    }
    assert_eq!(read(&writer.finish()), Ok(vec![Record::End]));
}

fn text() -> impl Strategy<Value = Box<[u8]>> {
    prop::collection::vec(1u8.., 0..40).prop_map(Vec::into_boxed_slice)
}

fn quotas() -> impl Strategy<Value = Vec<QuotaValue>> {
    prop::collection::vec((text(), any::<u32>()).prop_map(|(name, value)| QuotaValue { name, value }), 0..5)
}

fn connection() -> impl Strategy<Value = Record> {
    let ring = (any::<u16>(), prop::option::of(0u16..0x7ff0), any::<u32>()).prop_map(|(domid, target, port)| Peer::Ring {
        domid: DomId(domid),
        target: target.map(DomId),
        port: Port(port),
    });
    let peer = prop_oneof![ring, any::<i32>().prop_map(|fd| Peer::Socket { fd })];
    let bytes = || prop::collection::vec(any::<u8>(), 0..100);
    let all = (1u32.., peer, bytes(), bytes(), any::<prop::sample::Index>(), prop::option::of(any::<u64>()));
    all.prop_map(|(id, peer, input, output, half, unique_id)| {
        let half_sent = half.index(output.len() + 1) as u16;
        Record::Connection(ConnectionRecord { id, peer, input, half_sent, output, unique_id })
    })
}

fn node() -> impl Strategy<Value = Record> {
    let access = any::<(bool, bool)>().prop_map(|(read, written)| Access { read, written });
    let pending = (1u32.., any::<u32>(), access).prop_map(|(conn, tx_id, access)| NodePlace::Pending { conn, tx_id, access });
    let rights = prop::sample::select(vec![Rights::NONE, Rights::READ, Rights::WRITE, Rights::BOTH]);
    let perm = (any::<u16>(), rights, any::<bool>())
        .prop_map(|(domid, rights, stale)| StreamPerm { perm: Perm::new(DomId(domid), rights), stale });
    let value = prop::collection::vec(any::<u8>(), 0..100).prop_map(Vec::into_boxed_slice);
    let all = (prop_oneof![Just(NodePlace::Committed), pending], prop::collection::vec(perm, 1..6), text(), value);
    all.prop_map(|(place, perms, path, value)| Record::Node(NodeRecord { place, perms, path, value }))
}

fn record() -> impl Strategy<Value = Record> {
    let fd = || prop::option::of(0i32..);
    let watch = (any::<u32>(), text(), text(), prop::option::of(0u16..0xffff));
    prop_oneof![
        (fd(), fd()).prop_map(|(socket_fd, evtchn_fd)| Record::Global(GlobalRecord { socket_fd, evtchn_fd })),
        connection(),
        watch.prop_map(|(conn, path, token, depth)| Record::Watch(WatchRecord { conn, path, token, depth })),
        any::<(u32, u32)>().prop_map(|(conn, tx_id)| Record::Transaction(TransactionRecord { conn, tx_id })),
        node(),
        (quotas(), quotas()).prop_map(|(per_domain, global)| Record::GlobalQuota(GlobalQuotaRecord { per_domain, global })),
        (any::<u16>(), any::<u32>(), quotas()).prop_map(|(domid, features, quota)| Record::Domain(DomainRecord {
            domid: DomId(domid),
            features,
            quota
        })),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(records in prop::collection::vec(record(), 0..20)) {
        let stream = write(Version::V2, &records);
        prop_assert_eq!(stream.len() % 8, 0);
        let mut expected = records;
        expected.push(Record::End);
        prop_assert_eq!(read(&stream), Ok(expected));
    }

    #[test]
    fn a_broken_stream_is_an_error_and_never_more(records in prop::collection::vec(record(), 0..8), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut stream = write(Version::V2, &records);
        let at = at.index(stream.len());
        stream[at] = byte;
        let _ = read(&stream);
        prop_assert!(read(&stream[..at]).is_err() || at == stream.len());
    }
}
