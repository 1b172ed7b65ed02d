//! What must hold for every value: relocation loses nothing, fields keep what they are given, and no answer of Xen makes the decoders fall over.

// The helpers stand outside the test functions, where clippy.toml's leave for tests does not reach.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::collection::vec;
use proptest::prelude::*;
use xen_abi::hypercall::domctl::createdomain::{CreateDomain, CreateFlags};
use xen_abi::hypercall::domctl::get_domain_state::{GetDomainState, NextChangedDomain};
use xen_abi::hypercall::domctl::getdomaininfo::GetDomainInfo;
use xen_abi::hypercall::domctl::hvmcontext::{GetHvmContext, GetHvmContextPartial, GetHvmContextSize};
use xen_abi::hypercall::domctl::paging_pool::{GetPagingPool, SetPagingPool};
use xen_abi::hypercall::domctl::policy::{GetCpuPolicy, SetCpuPolicy};
use xen_abi::hypercall::evtchn::{AllocUnbound, GetPortStatus};
use xen_abi::hypercall::hvm::{GetHvmParam, HvmParam};
use xen_abi::hypercall::memory::maximum_gpfn::MaximumGpfn;
use xen_abi::hypercall::memory::pod_target::{GetPodTarget, SetPodTarget};
use xen_abi::hypercall::memory::reservation::{MemFlags, PopulatePhysmap};
use xen_abi::hypercall::multicall;
use xen_abi::hypercall::sysctl::cpu_policy::{GetSystemPolicy, SystemPolicy};
use xen_abi::hypercall::sysctl::cpupool::{GetFreeCpus, NextCpuPool};
use xen_abi::hypercall::sysctl::getdomaininfolist::GetDomainInfoList;
use xen_abi::hypercall::sysctl::physinfo::GetPhysInfo;
use xen_abi::hypercall::sysctl::readconsole::ReadConsole;
use xen_abi::hypercall::sysctl::sched_id::GetSchedulerId;
use xen_abi::hypercall::version::text::{VersionText, read_cut, read_whole};
use xen_abi::record::{At, Member};
use xen_abi::{Arg, Buffer, Call, Direction, DomId, Gfn, Operation, Patch, Port, Release};

fn releases() -> impl Strategy<Value = Release> {
    prop::sample::select(Release::ALL.to_vec())
}

/// A call whose n buffers form a chain from its first word, and whose other words are numbers or point at any of them.
fn calls() -> impl Strategy<Value = Call> {
    (1_u32..10, vec(vec(any::<u8>(), 8..40), 1..4), vec((any::<bool>(), any::<u64>()), 4)).prop_map(|(number, bytes, words)| {
        let count = bytes.len();
        let mut call = Call::new("unknown hypercall", number).arg(0, Arg::Address(0));
        for (index, (points, word)) in words.into_iter().enumerate() {
            let arg = if points { Arg::Address(word as usize % count) } else { Arg::Word(word) };
            call = call.arg(index + 1, arg);
        }
        call.buffers = bytes.into_iter().map(|bytes| Buffer { direction: Direction::InOut, bytes }).collect();
        call.patches = (1..count).map(|target| Patch { buffer: target - 1, offset: 0, target }).collect();
        call
    })
}

/// What a call says with its buffers in the order in which they are first pointed at: words, then for each buffer its bytes and pointers.
fn normal(call: &Call) -> Call {
    let combined = multicall::combine(std::slice::from_ref(call)).unwrap();
    multicall::entries(&combined).unwrap().remove(0).call
}

proptest! {
    #[test]
    fn taking_a_multicall_apart_gives_the_calls(calls in vec(calls(), 1..10)) {
        let combined = multicall::combine(&calls).unwrap();
        let entries = multicall::entries(&combined).unwrap();
        prop_assert_eq!(entries.len(), calls.len());
        for (entry, call) in entries.iter().zip(&calls) {
            prop_assert_eq!(&entry.call, &normal(call));
            prop_assert_eq!(entry.call.number, call.number);
            for (ours, theirs) in entry.call.args.iter().zip(&call.args) {
                match (ours, theirs) {
                    (Arg::Address(ours), Arg::Address(theirs)) => prop_assert_eq!(entry.call.bytes(*ours), call.bytes(*theirs)),
                    (ours, theirs) => prop_assert_eq!(ours, theirs),
                }
            }
        }
    }

    #[test]
    fn answers_find_their_way_back(calls in vec(calls(), 1..10), values in vec(any::<i64>(), 10), fill in any::<u8>()) {
        let mut combined = multicall::combine(&calls).unwrap();
        for (index, mut entry) in multicall::entries(&combined).unwrap().into_iter().enumerate() {
            entry.call.buffers.iter_mut().for_each(|buffer| buffer.bytes.fill(fill ^ index as u8));
            entry.answer(&mut combined, index, values[index]).unwrap();
        }
        let results = multicall::results(&combined, calls.clone()).unwrap();
        for (index, ((value, answered), call)) in results.iter().zip(&calls).enumerate() {
            prop_assert_eq!(*value, values[index]);
            for (answered, before) in answered.buffers.iter().zip(&call.buffers) {
                prop_assert_eq!(&answered.bytes, &vec![fill ^ index as u8; before.bytes.len()]);
            }
        }
    }

    #[test]
    fn nonsense_in_a_multicall_is_survived(count in 0_u64..200, bytes in vec(any::<u8>(), 0..300), patches in vec((0_usize..3, 0_usize..300, 0_usize..4), 0..6)) {
        let mut call = Call::new("multicall", 13).arg(1, Arg::Word(count)).buffer(Direction::InOut, bytes).buffer(Direction::In, vec![]);
        call.patches = patches.into_iter().map(|(buffer, offset, target)| Patch { buffer, offset, target }).collect();
        let _ = multicall::entries(&call);
    }

    #[test]
    fn a_field_keeps_what_fits_and_refuses_the_rest(width in prop::sample::select(vec![1_usize, 2, 4, 8]), offset in 0_usize..16, value in any::<u64>()) {
        let member = Member { name: "field", once: None, width, at: At::Always(offset) };
        let mut record = [0; 32];
        let fits = width == 8 || value >> (width * 8) == 0;
        prop_assert_eq!(member.put(&Release::V4_14, &mut record, value).is_ok(), fits);
        prop_assert_eq!(member.get(&Release::V4_14, &record).unwrap(), if fits { value } else { 0 });
    }

    #[test]
    fn no_answer_makes_a_decoder_fall_over(release in releases(), value in any::<i64>(), bytes in vec(vec(any::<u8>(), 0..200), 0..4)) {
        let mut answer = Call::new("answer", 0);
        answer.buffers = bytes.into_iter().map(|bytes| Buffer { direction: Direction::InOut, bytes }).collect();
        let domid = DomId(1);
        macro_rules! decode {
            ($($operation:expr),* $(,)?) => {
                $(let _ = $operation.decode(&release, value, &answer); let _ = $operation.explain(&release, &answer);)*
            };
        }
        decode!(
            GetDomainState { domid }, NextChangedDomain, GetDomainInfo { domid }, GetHvmContext { domid, capacity: 100 },
            GetHvmContextPartial { domid, kind: 2, instance: 0, capacity: 100 }, GetHvmContextSize { domid }, GetPagingPool { domid },
            GetCpuPolicy { domid }, SetCpuPolicy { domid, policy: Default::default() }, AllocUnbound { domid, remote: domid },
            GetPortStatus { domid, port: Port(1) }, GetHvmParam { domid, param: HvmParam(1) }, MaximumGpfn { domid },
            PopulatePhysmap { domid, order: 0, flags: MemFlags(0), frames: vec![Gfn(0)] }, GetSystemPolicy { policy: SystemPolicy::Host },
            GetDomainInfoList { first: domid, max: 5 }, GetPhysInfo, ReadConsole { from: None }, GetSchedulerId,
            NextCpuPool { from: 0, cpus: 9 }, GetFreeCpus { cpus: 9 }, SetPodTarget { domid, pages: 1 }, GetPodTarget { domid },
        );
        let _ = (read_cut(&answer), read_whole(value, &answer), VersionText::CommandLine.whole());
    }

    #[test]
    fn a_creation_has_bytes_or_a_reason(
        release in releases(), flags in 0_u32..0x200, grants in any::<u8>(), frames in any::<Option<u32>>(), cpupool in 0_u32..2, relaxed_msr in any::<bool>(),
    ) {
        let create = CreateDomain {
            domid: DomId::ANY, handle: [7; 16], ssidref: 0, flags: CreateFlags(flags), max_vcpus: 1, max_evtchn_port: 1, max_grant_frames: frames,
            max_maptrack_frames: None, max_grant_version: grants, cpupool, emulation_flags: 1, relaxed_msr,
        };
        let sayable = flags & !CreateFlags::known(&release).0 == 0
            && (1..16).contains(&grants)
            && frames.is_none_or(|frames| frames <= i32::MAX as u32)
            && (cpupool == 0 || release >= Release::V4_17)
            && (!relaxed_msr || release >= Release::V4_15);
        prop_assert_eq!(create.encode(&release).map(|call| call.bytes(0).len()).ok(), sayable.then_some(144));
    }

    #[test]
    fn a_paging_pool_never_shrinks_on_the_way(release in releases(), bytes in 0_u64..1 << 50) {
        let call = SetPagingPool { domid: DomId(1), bytes }.encode(&release).unwrap();
        let read = GetPagingPool { domid: DomId(1) }.decode(&release, 0, &call).unwrap();
        prop_assert!(read >= bytes && read - bytes < 1 << 20, "{bytes} became {read}");
    }
}
