//! The facade against a Xen of a few lines: what it asks, what it makes of answers, and how it tells failures.

// The helpers stand outside the test functions, where clippy.toml's leave for tests does not reach.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod fake;

use fake::fake;
use xen_abi::hypercall::cpu_policy::CpuPolicy;
use xen_abi::hypercall::domctl::{self, getdomaininfo, hvmcontext, max_mem::MaxMem};
use xen_abi::hypercall::evtchn::{ALLOC_PORT, AllocUnbound};
use xen_abi::hypercall::hvm::{self, HvmParam};
use xen_abi::hypercall::sysctl::{self, cpupool, getdomaininfolist as list, physinfo, readconsole};
use xen_abi::hypercall::version;
use xen_abi::hypercall::{domctl::get_domain_state::GetDomainState, domctl::policy};
use xen_abi::{Call, DomId, Errno, Port, Release};
use xen_hv::{Trace, Xen};

const D5: DomId = DomId(5);

fn xen(release: Release, answer: impl Fn(&mut Call) -> fake::Answer + Send + Sync + 'static) -> Xen {
    Xen::new(fake(answer), release)
}

#[test]
fn failures_name_subject_operation_number_and_what_to_do() {
    let cases = [
        (Errno::ESRCH, "d5: domctl max_mem: ESRCH; there is no such domain any more: list the domains"),
        (Errno::EPERM, "d5: domctl max_mem: EPERM; only the control domain may do this: run it in dom0 as root"),
        (Errno::EINVAL, "d5: domctl max_mem: EINVAL"),
        (Errno(200), "d5: domctl max_mem: errno 200"),
    ];
    for (errno, expected) in cases {
        let error = xen(Release::V4_17, move |_| Err(errno)).set_max_mem(D5, 1024).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_a_release_lacks_is_refused_without_asking_it() {
    let error = xen(Release::V4_20, |call| panic!("{} was issued", call.name)).domain_state(D5).unwrap_err();
    assert_eq!(error.to_string(), "d5: GetDomainState: Xen 4.20 has no domctl get_domain_state");
}

#[test]
fn a_refused_policy_names_its_leaf() {
    let answer = |call: &mut Call| {
        let body = &mut call.buffers[0].bytes[domctl::BODY_OFFSET..];
        policy::ERR_LEAF.put(&Release::V4_20, body, 7).unwrap();
        policy::ERR_MSR.put(&Release::V4_20, body, 0xffff_ffff).unwrap();
        Err(Errno::EINVAL)
    };
    let error = xen(Release::V4_20, answer).set_cpu_policy(D5, &CpuPolicy::default()).unwrap_err();
    assert_eq!(error.to_string(), "d5: domctl set_cpu_policy: EINVAL: Xen refuses CPUID leaf 0x7 subleaf 0x0");
}

#[test]
fn a_domain_that_is_not_there_is_none_on_both_sides_of_4_18() {
    let next = |call: &mut Call| {
        let body = &mut call.buffers[0].bytes[domctl::BODY_OFFSET..];
        getdomaininfo::DOMAIN.put(&Release::V4_17, body, 9).unwrap();
        Ok(0)
    };
    assert_eq!(xen(Release::V4_17, next).domain_info(D5).unwrap(), None);
    assert_eq!(xen(Release::V4_18, |_| Err(Errno::ESRCH)).domain_info(D5).unwrap(), None);
    assert_eq!(xen(Release::V4_18, |_| Err(Errno::EPERM)).domain_info(D5).unwrap_err().errno(), Some(Errno::EPERM));
}

/// Answers `getdomaininfolist` for domains 0, 2, 4, ... below a bound.
fn even_domains(release: Release, bound: u64, call: &mut Call) -> fake::Answer {
    let body = &mut call.buffers[0].bytes[8..];
    let first = list::FIRST_DOMAIN.get(&release, body).unwrap();
    let room = list::MAX_DOMAINS.get(&release, body).unwrap() as usize;
    let domids: Vec<u64> = (first..bound).filter(|domid| domid % 2 == 0).take(room).collect();
    list::NUM_DOMAINS.put(&release, body, domids.len() as u64).unwrap();
    let stride = getdomaininfo::RECORD.size(&release).unwrap();
    for (record, domid) in call.buffers[1].bytes.chunks_exact_mut(stride).zip(domids) {
        getdomaininfo::DOMAIN.put(&release, record, domid).unwrap();
    }
    Ok(0)
}

#[test]
fn the_list_of_domains_comes_in_chunks() {
    for release in [Release::V4_14, Release::V4_22] {
        for (count, calls) in [(0, 1), (1, 1), (255, 1), (256, 2), (257, 2), (600, 3)] {
            let trace = Trace::counting();
            let hypercalls = trace.hypercalls(fake(move |call| even_domains(release, count * 2, call)));
            let domids: Vec<u64> = Xen::new(hypercalls, release).domain_list().unwrap().iter().map(|info| info.domid.0.into()).collect();
            assert_eq!(domids, (0..count).map(|index| index * 2).collect::<Vec<_>>(), "Xen {release}");
            assert_eq!(trace.counts().total_hypercalls(), calls, "Xen {release}: {count} domains");
        }
    }
}

/// Answers `gethvmcontext` as a domain whose context has so many bytes.
/// Answers `readconsole` from a log of so many bytes.
fn log_of(length: usize, call: &mut Call) -> fake::Answer {
    let release = Release::V4_20;
    let body = &mut call.buffers[0].bytes[8..];
    let from = if readconsole::INCREMENTAL.get(&release, body).unwrap() == 0 { 0 } else { readconsole::INDEX.get(&release, body).unwrap() };
    let count = (length - from as usize).min(readconsole::COUNT.get(&release, body).unwrap() as usize);
    readconsole::COUNT.put(&release, body, count as u64).unwrap();
    readconsole::INDEX.put(&release, body, from + count as u64).unwrap();
    call.buffers[1].bytes[..count].fill(b'x');
    Ok(0)
}

#[test]
fn the_log_is_read_piece_by_piece_up_to_a_bound() {
    let chunk = readconsole::CHUNK_MAX;
    for length in [0, 5, chunk, chunk + 1, 3 * chunk] {
        assert_eq!(xen(Release::V4_20, move |call| log_of(length, call)).console_log(1 << 20).unwrap().len(), length);
    }
    assert_eq!(xen(Release::V4_20, move |call| log_of(9 * chunk, call)).console_log(2 * chunk).unwrap().len(), 2 * chunk);
}

/// Answers for a host of 12 CPUs with pools 0 and 5; CPU 11 is in none.
fn pools(call: &mut Call) -> fake::Answer {
    let release = Release::V4_14;
    let command = sysctl::CMD.get(&release, &call.buffers[0].bytes).unwrap() as u32;
    let body = &mut call.buffers[0].bytes[sysctl::BODY_OFFSET..];
    if command == sysctl::PHYSINFO {
        physinfo::MAX_CPU_ID.put(&release, body, 11).unwrap();
        return Ok(0);
    }
    assert_eq!(cpupool::NR_CPUS.get(&release, body).unwrap(), 12);
    let map = match (cpupool::OP.get_u32(&release, body).unwrap(), cpupool::CPUPOOL_ID.get(&release, body).unwrap()) {
        (cpupool::FREEINFO, _) => [0, 0b1000],
        (_, 0) => [0xff, 0],
        (_, from @ 1..=5) => {
            cpupool::CPUPOOL_ID.put(&release, body, 5).unwrap();
            cpupool::SCHED.put(&release, body, 9).unwrap();
            cpupool::N_DOM.put(&release, body, from).unwrap();
            [0, 0b111]
        }
        _ => return Err(Errno::ENOENT),
    };
    call.buffers[1].bytes.copy_from_slice(&map);
    Ok(0)
}

#[test]
fn pools_are_asked_for_one_after_the_other() {
    let told = xen(Release::V4_14, pools).cpu_pools().unwrap();
    let seen: Vec<_> = told.pools.iter().map(|pool| (pool.id, pool.scheduler.to_string(), pool.domains, pool.cpus.clone())).collect();
    assert_eq!(seen, [(0, "scheduler 0".to_owned(), 0, (0..8).collect()), (5, "null".to_owned(), 1, vec![8, 9, 10])]);
    assert_eq!(told.free, [11]);
    let refused = xen(Release::V4_14, |call| if call.name == "sysctl physinfo" { Ok(0) } else { Err(Errno::EPERM) });
    assert_eq!(refused.cpu_pools().unwrap_err().errno(), Some(Errno::EPERM));
}

fn context(size: u64, call: &mut Call) -> fake::Answer {
    let release = Release::V4_20;
    let asks_size = call.patches.is_empty();
    let body = &mut call.buffers[0].bytes[domctl::BODY_OFFSET..];
    if !asks_size && hvmcontext::SIZE.get(&release, body).unwrap() < size {
        return Err(Errno::ENOSPC);
    }
    hvmcontext::SIZE.put(&release, body, size).unwrap();
    if !asks_size {
        call.buffers[1].bytes[..size as usize].fill(7);
    }
    Ok(0)
}

#[test]
fn a_context_is_read_whole_whatever_its_size() {
    for (size, calls) in [(0, 1), (3000, 1), (16 << 10, 1), ((16 << 10) + 1, 3), (600_000, 3)] {
        let trace = Trace::counting();
        let hypercalls = trace.hypercalls(fake(move |call| context(size, call)));
        let read = Xen::new(hypercalls, Release::V4_20).hvm_context(D5).unwrap();
        assert_eq!((read.len() as u64, read.iter().all(|byte| *byte == 7)), (size, true));
        assert_eq!(trace.counts().total_hypercalls(), calls, "{size} bytes");
    }
}

/// Remembers nothing: a parameter's value is its index times ten, and parameter 12 cannot be written.
fn params(call: &mut Call) -> fake::Answer {
    let release = Release::V4_17;
    let record = &mut call.buffers[0].bytes;
    let index = hvm::INDEX.get(&release, record).unwrap();
    match call.name {
        "hvm_op set_param" if index == 12 => Err(Errno::EINVAL),
        "hvm_op set_param" => Ok(0),
        "hvm_op get_param" => hvm::VALUE.put(&release, record, index * 10).map(|()| 0).map_err(|_| Errno::EFAULT),
        other => panic!("{other}"),
    }
}

#[test]
fn parameters_travel_together() {
    let trace = Trace::counting();
    let xen = Xen::new(trace.hypercalls(fake(params)), Release::V4_17);
    assert_eq!(xen.hvm_params(D5, &[HvmParam::STORE_EVTCHN, HvmParam::CONSOLE_PFN]).unwrap(), [20, 170]);
    xen.set_hvm_params(D5, &[(HvmParam::STORE_PFN, 1), (HvmParam::CONSOLE_PFN, 2), (HvmParam::IOREQ_PFN, 3)]).unwrap();
    let error = xen.set_hvm_params(D5, &[(HvmParam::IDENT_PT, 1), (HvmParam::STORE_PFN, 1)]).unwrap_err();
    assert_eq!(error.to_string(), "d5: hvm_op set_param: EINVAL");
    let counts = trace.counts();
    assert_eq!((counts.total_hypercalls(), counts.traps), (7, 3));
    assert_eq!(counts.hypercalls.get("hvm_op set_param"), Some(&5));
    assert_eq!(xen.hvm_params(D5, &[]).unwrap(), Vec::<u64>::new());
}

#[test]
fn a_batch_tells_each_entry_its_own_fate() {
    let release = Release::V4_17;
    let xen = xen(release, move |call| match call.name {
        "event_channel_op alloc_unbound" => {
            ALLOC_PORT.put(&release, &mut call.buffers[0].bytes, 3).unwrap();
            Ok(0)
        }
        _ => Err(Errno::ENOMEM),
    });
    let mut batch = xen.batch();
    let bound = batch.add(Some(D5), MaxMem { domid: D5, max_kib: 1 });
    let state = batch.add(Some(D5), GetDomainState { domid: D5 });
    let port = batch.add(Some(D5), AllocUnbound { domid: D5, remote: DomId::DOM0 });
    let mut replies = batch.run().unwrap();
    assert_eq!(replies.take(port).unwrap(), Port(3));
    assert_eq!(replies.take(bound).unwrap_err().to_string(), "d5: domctl max_mem: ENOMEM; free memory on the host");
    assert!(replies.take(state).unwrap_err().to_string().contains("Xen 4.17 has no domctl get_domain_state"));
}

#[test]
fn texts_come_whole_where_xen_can_and_cut_where_not() {
    let whole = |call: &mut Call| {
        let text = call.name.as_bytes();
        if call.name != "xen_version version" {
            call.buffers[0].bytes[4..4 + text.len()].copy_from_slice(text);
        }
        Ok(if call.name == "xen_version version" { 4 << 16 | 20 } else { text.len() as i64 })
    };
    let cut = |call: &mut Call| {
        let newer = [version::EXTRAVERSION2, version::CAPABILITIES2, version::CHANGESET2, version::COMMANDLINE2];
        match xen_abi::hypercall::name::command(call) {
            Some(version::VERSION) => Ok(4 << 16 | 17),
            Some(command) if newer.contains(&command) => Err(Errno::ENOSYS),
            _ => {
                call.buffers[0].bytes[..2].copy_from_slice(b".5");
                Ok(0)
            }
        }
    };
    let info = xen(Release::V4_20, whole).version_info().unwrap();
    assert_eq!((info.text().as_str(), info.command_line.as_str()), ("4.20xen_version extraversion2", "xen_version commandline2"));
    assert_eq!(xen(Release::V4_17, cut).version_info().unwrap().text(), "4.17.5");
}
