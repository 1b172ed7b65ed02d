//! A whole life: built, booted, spoken with, shut down, destroyed; and every way to build it wrong.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::backend::{Ring, Store};
use common::pvh::{self, Built, Spec};
use common::{Host, MaxMem, RELEASES};
use xen_abi::boot::hvm_record::cpu;
use xen_abi::hypercall::domctl::getdomaininfo::{DomainInfo, GetDomainInfo};
use xen_abi::hypercall::domctl::hvmcontext::{GetHvmContext, GetHvmContextSize, SetHvmContext};
use xen_abi::hypercall::domctl::lifecycle::{DestroyDomain, UnpauseDomain};
use xen_abi::hypercall::hvm::{HvmParam, SetHvmParam};
use xen_abi::hypercall::sched::ShutdownReason;
use xen_abi::{DomId, GrantRef, Release};
use xen_sim::{GuestReport, MachineConfig, ModuleSeen, Script};

fn info(host: &Host, domid: DomId) -> DomainInfo {
    host.run(GetDomainInfo { domid }).unwrap().unwrap()
}

fn report(host: &Host, domid: DomId) -> GuestReport {
    host.machine.guest(domid).unwrap()
}

fn connect(host: &Host, built: Built) -> (Store, Ring) {
    let store = host.machine.process(DomId::DOM0, "store").unwrap();
    let console = host.machine.process(DomId::DOM0, "console").unwrap();
    (Store::connect(&store, built.domid, built.store), Ring::connect(&console, built.domid, GrantRef(0), built.console))
}

#[test]
fn a_guest_boots_and_obeys() {
    for release in RELEASES {
        let host = Host::new(release);
        let before = host.machine.audit();
        let spec = Spec { vcpus: 4, cmdline: "console=hvc0 quiet", initrd: vec![0x1f; 5000], ..Spec::default() };
        let built = pvh::boot(&host, &spec);
        let (mut store, console) = connect(&host, built);
        let seen = report(&host, built.domid);
        assert_eq!(seen.problems, Vec::<String>::new(), "{release}");
        assert_eq!((seen.vcpus, seen.ram_bytes, seen.cmdline.as_str()), (4, 64 << 20, "console=hvc0 quiet"), "{release}");
        assert_eq!(seen.modules[0].digest, ModuleSeen::digest_of(&spec.initrd), "{release}");
        let found = info(&host, built.domid);
        assert_eq!((found.nr_online_vcpus, found.blocked, found.running, found.paused), (4, true, false, false), "{release}");
        store.serve();
        assert!(report(&host, built.domid).ready, "{release}: {:?}", report(&host, built.domid).store_answers);
        let answers = report(&host, built.domid).store_answers;
        assert_eq!(answers[1], format!("READ domid = {}", built.domid.0), "{release}");
        assert_eq!(store.nodes["data/hello"], format!("hello from {}", built.domid), "{release}");
        let hello = String::from_utf8(console.output(4096)).unwrap();
        assert_eq!(
            hello,
            format!("hello from {}: 4 vcpus online, 64 MiB, 1 modules, cmdline: console=hvc0 quiet\n", built.domid),
            "{release}"
        );
        console.type_in("uname\r");
        assert_eq!(String::from_utf8(console.output(4096)).unwrap(), "uname\r\nyou said: uname\n", "{release}");
        store.write("control/shutdown", "reboot");
        assert_eq!(info(&host, built.domid).shutdown, Some(ShutdownReason::Reboot), "{release}");
        assert_eq!(store.nodes["control/shutdown"], "", "{release}: acknowledged first");
        host.run(DestroyDomain { domid: built.domid }).unwrap();
        drop((store, console));
        assert_eq!(host.machine.audit(), before, "{release}\n{}", host.machine.audit());
    }
}

#[test]
fn a_guest_follows_its_size() {
    for release in RELEASES {
        let host = Host::new(release);
        let before = host.machine.audit();
        let built = pvh::boot(&host, &Spec { vcpus: 3, ..Spec::default() });
        let (mut store, console) = connect(&host, built);
        store.nodes.insert("memory/target".to_owned(), "65536".to_owned());
        store.serve();
        assert!(report(&host, built.domid).ready, "{release}");
        let whole = info(&host, built.domid);
        let mebibyte = |mib: u64| whole.tot_pages - (64 - mib) * 256;
        // Down; up as far as the bound lets it; up.
        store.write("memory/target", "32768");
        assert_eq!(info(&host, built.domid).tot_pages, mebibyte(32), "{release}");
        host.run(MaxMem { domid: built.domid, max_kib: mebibyte(48) * 4 }).unwrap();
        store.write("memory/target", "65536");
        assert_eq!(info(&host, built.domid).tot_pages, mebibyte(48), "{release}");
        host.run(MaxMem { domid: built.domid, max_kib: whole.max_pages * 4 }).unwrap();
        store.write("memory/target", "99999999");
        assert_eq!(info(&host, built.domid).tot_pages, whole.tot_pages, "{release}");
        for (node, value, online) in [
            ("cpu/2/availability", "offline", 2),
            ("cpu/0/availability", "offline", 2),
            ("cpu/7/availability", "online", 2),
            ("cpu/1/availability", "offline", 1),
            ("cpu/2/availability", "online", 2),
        ] {
            store.write(node, value);
            assert_eq!(info(&host, built.domid).nr_online_vcpus, online, "{release} {node} {value}");
        }
        host.run(DestroyDomain { domid: built.domid }).unwrap();
        drop((store, console));
        assert_eq!(host.machine.audit(), before, "{release}\n{}", host.machine.audit());
    }
}

#[test]
fn scripts_end_as_they_say() {
    let table = [
        ("sim.script=poweroff-after-boot", Some(ShutdownReason::Poweroff)),
        ("sim.script=reboot-after-boot", Some(ShutdownReason::Reboot)),
        ("sim.script=crash-after-boot", Some(ShutdownReason::Crash)),
        ("sim.script=deaf", None),
        ("sim.script=hostile-store", None),
        ("", Some(ShutdownReason::Poweroff)),
    ];
    for (cmdline, expected) in table {
        let host = Host::new(Release::V4_20);
        let built = pvh::boot(&host, &Spec { cmdline, ..Spec::default() });
        if cmdline.ends_with("hostile-store") {
            let page = xen_hv::GrantMaps::map(&host.control, built.domid, &[GrantRef(1)], xen_hv::Access::Read).unwrap();
            assert_eq!(page.load_u32(2052).unwrap(), 0x10000);
            continue;
        }
        let (mut store, _console) = connect(&host, built);
        store.serve();
        store.write("control/shutdown", "poweroff");
        assert_eq!(info(&host, built.domid).shutdown, expected, "{cmdline}");
    }
}

#[test]
fn dom0s_kernel_is_a_client_too() {
    let host = Host::new(Release::V4_20);
    let before = host.machine.audit();
    let early = host.machine.dom0_kernel_asks(2, b"name\0");
    let handle = host.machine.process(DomId::DOM0, "store").unwrap();
    let mut store = Store::on(Ring::of_dom0(&handle), DomId::DOM0);
    store.serve();
    assert_eq!(host.machine.dom0_kernel_heard(), Some((2, early, b"guest-0".to_vec())), "what was asked before the store came");
    let late = host.machine.dom0_kernel_asks(11, b"data/x\0y");
    store.serve();
    assert_eq!(host.machine.dom0_kernel_heard(), Some((11, late, b"OK\0".to_vec())));
    assert_eq!((host.machine.dom0_kernel_heard(), store.nodes["data/x"].as_str()), (None, "y"));
    drop((store, handle));
    assert_eq!(host.machine.audit(), before);
}

#[test]
fn the_first_death_may_keep_pages() {
    let config = MachineConfig { first_death_pages: 2, ..MachineConfig::default() };
    let host = Host::with(Release::V4_17, config);
    let cycle = || {
        let domid = host.domain(4096);
        host.run(DestroyDomain { domid }).unwrap();
        host.machine.audit().free_pages
    };
    let fresh = host.machine.audit().free_pages;
    assert_eq!([cycle(), cycle(), cycle()], [fresh - 2; 3]);
}

#[test]
fn time_moves_only_when_told() {
    let host = Host::new(Release::V4_17);
    let built = pvh::boot(&host, &Spec { cmdline: "sim.script=crash-after-boot sim.after_ms=20", ..Spec::default() });
    let busy = pvh::boot(&host, &Spec { vcpus: 2, cmdline: "sim.script=busy", ..Spec::default() });
    let (mut store, _console) = connect(&host, built);
    store.serve();
    assert_eq!((host.machine.now_ns(), info(&host, built.domid).shutdown), (0, None));
    let used = info(&host, busy.domid).cpu_time_ns;
    assert!(info(&host, busy.domid).running);
    host.machine.advance_ns(19_000_000);
    assert_eq!(info(&host, built.domid).shutdown, None);
    host.machine.advance_ns(1_000_000);
    assert_eq!(info(&host, built.domid).shutdown, Some(ShutdownReason::Crash));
    assert_eq!(info(&host, busy.domid).cpu_time_ns - used, 2 * 20_000_000);
}

#[test]
fn a_flood_waits_for_its_reader_and_loses_nothing() {
    let host = Host::new(Release::V4_14);
    let built = pvh::boot(&host, &Spec { cmdline: "sim.script=flood sim.flood_bytes=100000", ..Spec::default() });
    let (_store, console) = connect(&host, built);
    assert_eq!(report(&host, built.domid).console_written, 2048, "the ring is full and the guest waits");
    let mut heard = Vec::new();
    loop {
        let piece = console.output(700);
        if piece.is_empty() {
            break;
        }
        heard.extend(piece);
        console.notify();
    }
    let hello = heard.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    assert_eq!(&heard[hello..], xen_sim::flood_bytes(0..100_000));
}

#[test]
fn a_kernel_can_bring_its_script() {
    let host = Host::new(Release::V4_22);
    host.machine.script_for_kernel(&[0xf4, 0xeb, 0xfd], Script::Halt);
    let built = pvh::boot(&host, &Spec { kernel: vec![0xf4, 0xeb, 0xfd, 0x90], ..Spec::default() });
    assert_eq!(report(&host, built.domid).script, Script::Halt);
    assert_eq!(report(&host, built.domid).console_written, 0);
    assert_eq!(info(&host, built.domid).shutdown, None);
}

#[test]
fn a_wrong_start_state_is_named_and_crashes() {
    type Spoil = fn(&Host, Built);
    let table: [(&str, Spoil); 9] = [
        ("rip 0x5000000", |host, built| spoil_register(host, built, cpu::RIP, 0x500_0000)),
        ("rbx 0xf0000000 is not in memory", |host, built| spoil_register(host, built, cpu::RBX, 0xf000_0000)),
        ("cs: attributes", |host, built| spoil_register(host, built, cpu::CS_ARBYTES, 0)),
        ("has magic 0x0", |host, built| pvh::write(host, built.domid, 0x20_0000, &[0; 4]).unwrap()),
        ("no memory map", |host, built| pvh::write(host, built.domid, 0x20_0030, &[0; 4]).unwrap()),
        ("RSDP at 0xfc001000 has a bad checksum", |host, built| pvh::write(host, built.domid, 0xfc00_1010, &[9]).unwrap()),
        ("MADT has processors", |host, built| pvh::write(host, built.domid, 0xfc00_1000 + 1024 + 44 + 3, &[8]).unwrap()),
        ("console: grant 0 has flags", |host, built| {
            host.run(SetHvmParam { domid: built.domid, param: HvmParam::CONSOLE_PFN, value: 1 }).unwrap();
        }),
        ("store: port 77", |host, built| {
            host.run(SetHvmParam { domid: built.domid, param: HvmParam::STORE_EVTCHN, value: 77 }).unwrap();
        }),
    ];
    for (named, spoil) in table {
        let host = Host::new(Release::V4_20);
        let built = pvh::build(&host, &Spec::default());
        spoil(&host, built);
        host.run(UnpauseDomain { domid: built.domid }).unwrap();
        let problems = report(&host, built.domid).problems;
        assert!(problems.iter().any(|problem| problem.contains(named)), "{named}: {problems:?}");
        assert_eq!(info(&host, built.domid).shutdown, Some(ShutdownReason::Crash), "{named}");
        assert!(host.machine.console().contains(named), "{named}");
    }
}

fn spoil_register(host: &Host, built: Built, field: xen_abi::layout::Field, value: u64) {
    let capacity = host.run(GetHvmContextSize { domid: built.domid }).unwrap();
    let mut context = host.run(GetHvmContext { domid: built.domid, capacity }).unwrap();
    field.at(8 + 24 + 8).put(&mut context, value).unwrap();
    host.run(SetHvmContext { domid: built.domid, context }).unwrap();
}

#[test]
fn a_domain_without_registers_does_not_run() {
    let host = Host::new(Release::V4_17);
    let built = pvh::build(&host, &Spec::default());
    pvh::context(&host, built.domid, 1).unwrap();
    let capacity = host.run(GetHvmContextSize { domid: built.domid }).unwrap();
    let given = host.run(GetHvmContext { domid: built.domid, capacity }).unwrap();
    // The header and the end alone take every vcpu down.
    let context = [&given[..32], &[0; 8]].concat();
    host.run(SetHvmContext { domid: built.domid, context }).unwrap();
    host.run(UnpauseDomain { domid: built.domid }).unwrap();
    assert!(host.machine.guest(built.domid).is_none());
    assert_eq!(info(&host, built.domid).nr_online_vcpus, 0);
}
