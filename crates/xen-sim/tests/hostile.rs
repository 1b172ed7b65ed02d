//! Bytes that no encoder would write: answers or refusals, never a panic, and an interface number of another release changes nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Host, pvh_domain};
use proptest::prelude::*;
use xen_abi::{Arg, Buffer, Call, Direction, Patch, Release};
use xen_hv::Hypercalls;

fn arg() -> impl Strategy<Value = Arg> {
    prop_oneof![(0..8_u64).prop_map(Arg::Word), any::<u64>().prop_map(Arg::Word), (0..4_usize).prop_map(Arg::Address)]
}

/// Zeros with a window of anything.
fn body(length: usize) -> impl Strategy<Value = Vec<u8>> {
    (0..length, proptest::collection::vec(any::<u8>(), 0..24)).prop_map(move |(start, window)| {
        let mut bytes = vec![0; length];
        bytes.iter_mut().skip(start).zip(window).for_each(|(byte, wanted)| *byte = wanted);
        bytes
    })
}

fn buffer(release: Release) -> impl Strategy<Value = Buffer> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        // A domctl or sysctl with a good header, so that what follows is looked at.
        (1..92_u32, 0..3_u16, body(134)).prop_map(move |(command, domid, body)| {
            let mut bytes = command.to_le_bytes().to_vec();
            bytes.extend(release.domctl.to_le_bytes());
            bytes.extend(domid.to_le_bytes());
            bytes.extend(body);
            bytes
        }),
        (1..30_u32, body(128)).prop_map(move |(command, body)| {
            let mut bytes = command.to_le_bytes().to_vec();
            bytes.extend(release.sysctl.to_le_bytes());
            bytes.extend(body);
            bytes
        }),
    ];
    let direction = prop_oneof![Just(Direction::In), Just(Direction::Out), Just(Direction::InOut)];
    (bytes, direction).prop_map(|(bytes, direction)| Buffer { direction, bytes })
}

fn call(release: Release) -> impl Strategy<Value = Call> {
    let number = prop_oneof![Just(12_u32), Just(13), Just(17), Just(18), Just(29), Just(32), Just(34), Just(35), Just(36), 0..60_u32];
    let patch = (0..4_usize, prop_oneof![(0..30_usize).prop_map(|word| word * 8), 0..200_usize], 0..4_usize)
        .prop_map(|(buffer, offset, target)| Patch { buffer, offset, target });
    (number, proptest::array::uniform5(arg()), proptest::collection::vec(buffer(release), 1..4), proptest::collection::vec(patch, 0..4))
        .prop_map(|(number, args, buffers, patches)| Call { name: "hostile", number, args, buffers, patches })
}

fn release() -> impl Strategy<Value = Release> {
    (0..Release::ALL.len()).prop_map(|index| Release::ALL[index])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered((release, calls) in release().prop_flat_map(|release| (Just(release), proptest::collection::vec(call(release), 1..6)))) {
        let host = Host::new(release);
        let domid = host.run(pvh_domain(2)).unwrap();
        let guest = host.machine.as_domain(domid).unwrap();
        for mut call in calls {
            let given: Vec<Buffer> = call.buffers.clone();
            let _ = host.control.issue(&mut call);
            for (before, after) in given.iter().zip(&call.buffers) {
                prop_assert_eq!(before.bytes.len(), after.bytes.len());
                prop_assert!(before.direction != Direction::In || before == after, "Xen wrote into what it may only read");
            }
            let _ = guest.issue(&mut call);
        }
        let audit = host.machine.audit();
        let held: u64 = audit.domains.values().map(|domain| domain.pages + domain.paging_pool_pages).sum();
        prop_assert!(audit.free_pages + held <= (4 << 30) >> 12);
    }
}
