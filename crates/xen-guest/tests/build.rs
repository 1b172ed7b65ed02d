//! Whole builds on the simulator, which inspects what a guest would find: every release, many sizes, every step failing in turn.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fs::{self, File};
use std::sync::Arc;

use common::{BASE, TestKernel, body, note};
use xen_abi::hypercall::domctl::createdomain::{CDF_HAP, CDF_HVM, CreateDomain, CreateFlags, X86_EMU_LAPIC};
use xen_abi::hypercall::sysctl::cpu_policy::SystemPolicy;
use xen_abi::{DomId, Errno, Release};
use xen_guest::loader::kernel::{Initrd, KernelImage};
use xen_guest::pvh::build::{self, BuildError, Contents, Peers, Ports};
use xen_guest::pvh::layout::{Layout, Request};
use xen_hv::{ForeignMemory, Xen};
use xen_sim::{CpuVendor, Effect, FaultPlan, Handle, Machine, MachineConfig, ModuleSeen, Step, When};

const MIB: u64 = 1 << 20;
const PEERS: Peers = Peers { store: DomId::DOM0, console: DomId::DOM0 };
const CMDLINE: &str = "console=hvc0 quiet";

/// A domain to be built, and what it is built of.
struct Case {
    release: Release,
    host: MachineConfig,
    memory_bytes: u64,
    vcpus: u32,
    kernel: TestKernel,
    initrd: Option<Vec<u8>>,
}

impl Default for Case {
    fn default() -> Self {
        Case {
            release: Release::V4_17,
            host: MachineConfig::default(),
            memory_bytes: 16 * MIB,
            vcpus: 1,
            kernel: TestKernel::default(),
            initrd: Some(body(123_456)),
        }
    }
}

/// What a build works on.
struct Bench {
    machine: Machine,
    control: Handle,
    xen: Xen,
    kernel: KernelImage,
    initrd: Option<Initrd>,
    layout: Layout,
    _files: tempfile::TempDir,
}

impl Bench {
    fn new(case: &Case) -> Bench {
        let files = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = files.path().join(name);
            fs::write(&path, bytes).unwrap();
            File::open(path).unwrap()
        };
        let kernel = KernelImage::from_file(file("kernel", &case.kernel.elf())).unwrap();
        let initrd = case.initrd.as_ref().map(|bytes| Initrd::from_file(file("initrd", bytes)).unwrap());
        let layout = Layout::plan(&Request {
            kernel: kernel.info(),
            initrd_bytes: initrd.as_ref().map(Initrd::bytes),
            cmdline: CMDLINE,
            memory_bytes: case.memory_bytes,
            vcpus: case.vcpus,
            release: case.release,
        })
        .unwrap();
        let machine = Machine::new(case.release, case.host.clone());
        let control = machine.process(DomId::DOM0, "control").unwrap();
        let xen = Xen::new(Arc::new(control.clone()), case.release);
        Bench { machine, control, xen, kernel, initrd, layout, _files: files }
    }

    /// What the engine does before and between, as far as a build needs it.
    fn create(&self) -> DomId {
        let vcpus = self.layout.vcpus;
        let domid = self
            .xen
            .create_domain(&CreateDomain {
                domid: DomId::ANY,
                handle: [7; 16],
                ssidref: self.xen.release().initial_domu_sid(),
                flags: CreateFlags(CDF_HVM | CDF_HAP),
                max_vcpus: vcpus,
                max_evtchn_port: 1023,
                max_grant_frames: None,
                max_maptrack_frames: None,
                max_grant_version: 2,
                cpupool: 0,
                emulation_flags: X86_EMU_LAPIC,
                relaxed_msr: false,
            })
            .unwrap();
        let memory_kib = self.layout.total_pages() * 4;
        self.xen.set_max_vcpus(domid, vcpus).unwrap();
        self.xen.set_max_mem(domid, memory_kib + 1024).unwrap();
        let pool_kib = 4 * (256 * u64::from(vcpus) + memory_kib.div_ceil(1024));
        self.xen.set_paging_pool(domid, pool_kib.next_multiple_of(1024) << 10).unwrap();
        domid
    }

    fn build(&self, domid: DomId) -> Result<(), BuildError> {
        let policy = self.xen.system_cpu_policy(SystemPolicy::HvmDefault)?;
        let ports = Ports { store: self.xen.alloc_unbound(domid, PEERS.store)?, console: self.xen.alloc_unbound(domid, PEERS.console)? };
        let memory: &dyn ForeignMemory = &self.control;
        let contents = Contents { kernel: &self.kernel, initrd: self.initrd.as_ref(), cmdline: CMDLINE, release: self.xen.release() };
        build::cpu_policy(&self.xen, domid, &policy)?;
        build::populate(&self.xen, domid, &self.layout)?;
        build::memory_map(&self.xen, domid, &self.layout)?;
        build::load(memory, domid, &self.layout, &contents)?;
        build::hvm_params(&self.xen, domid, ports)?;
        build::vcpu_context(&self.xen, domid, &self.layout)?;
        build::grants(&self.xen, memory, domid, PEERS)
    }
}

/// Builds, starts, and looks at what the guest saw.
fn boot(case: &Case) -> Bench {
    let bench = Bench::new(case);
    let domid = bench.create();
    bench.machine.set_faults(FaultPlan::none());
    let name = format!("{} {} MiB {} vcpus", case.release, case.memory_bytes / MIB, case.vcpus);
    bench.build(domid).unwrap_or_else(|error| panic!("{name}: {error}\n{}", bench.machine.console()));
    let pages = bench.machine.audit().domains[&domid].pages;
    assert_eq!(pages, bench.layout.total_pages(), "{name}");
    bench.xen.unpause(domid).unwrap();
    let seen = bench.machine.guest(domid).unwrap_or_else(|| panic!("{name}: no guest\n{}", bench.machine.console()));
    assert_eq!(seen.problems, Vec::<String>::new(), "{name}");
    assert_eq!((seen.cmdline.as_str(), seen.vcpus), (CMDLINE, case.vcpus), "{name}");
    let rsdp_page = bench.layout.acpi.low_rsdp.as_ref().map_or(0, |_| 4096);
    assert_eq!(seen.ram_bytes, case.memory_bytes - rsdp_page, "{name}");
    let modules: Vec<(u64, u64)> = seen.modules.iter().map(|module| (module.bytes, module.digest)).collect();
    let given: Vec<(u64, u64)> = case.initrd.iter().map(|bytes| (bytes.len() as u64, ModuleSeen::digest_of(bytes))).collect();
    assert_eq!(modules, given, "{name}");
    check_kernel(&bench, case, domid);
    bench
}

/// Kernel bytes where they belong, zeros behind them.
fn check_kernel(bench: &Bench, case: &Case, domid: DomId) {
    for (paddr, bytes, memory_bytes) in &case.kernel.segments {
        let frames: Vec<xen_abi::Gfn> = (paddr >> 12..(paddr + memory_bytes).div_ceil(4096)).map(xen_abi::Gfn).collect();
        let pages = ForeignMemory::map(&bench.control, domid, &frames, xen_hv::Access::Read).unwrap();
        let mut found = vec![1; *memory_bytes as usize];
        pages.read((paddr % 4096) as usize, &mut found).unwrap();
        assert!(found.starts_with(bytes));
        assert!(found[bytes.len()..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn every_release_boots_a_domain() {
    for release in Release::ALL {
        boot(&Case { release, ..Case::default() });
    }
}

#[test]
fn many_shapes_boot() {
    let big = MachineConfig { memory_bytes: 64 << 30, ..MachineConfig::default() };
    let intel = MachineConfig { cpu_vendor: CpuVendor::Intel, cpus: 8, ..MachineConfig::default() };
    let scattered = MachineConfig { extents_1gib: Some(1), extents_2mib: Some(100), ..MachineConfig::default() };
    let none = MachineConfig { extents_1gib: Some(0), extents_2mib: Some(0), ..MachineConfig::default() };
    let linux =
        TestKernel { notes: [note("Xen", 18, &(BASE as u32).to_le_bytes()), note("Xen", 6, b"linux\0")].concat(), ..TestKernel::default() };
    let uneven = TestKernel {
        segments: vec![(BASE, body(5000), 9000), (BASE + 0x3123, body(77), 78), (BASE + 0x8000, vec![], 0x1234)],
        ..TestKernel::default()
    };
    let cases = [
        Case { memory_bytes: 8 * MIB, initrd: None, ..Case::default() },
        Case { memory_bytes: 16 * MIB + 4096, ..Case::default() },
        Case { memory_bytes: 2000 * MIB, vcpus: 4, ..Case::default() },
        Case { memory_bytes: 6 << 30, vcpus: 128, host: big.clone(), ..Case::default() },
        Case { memory_bytes: (60 << 30) + 4096, vcpus: 2, host: big, release: Release::V4_22, ..Case::default() },
        Case { vcpus: 8, host: intel, release: Release::V4_14, ..Case::default() },
        Case { memory_bytes: 2048 * MIB, host: scattered, ..Case::default() },
        Case { memory_bytes: 64 * MIB, host: none, ..Case::default() },
        Case { kernel: linux, ..Case::default() },
        Case { kernel: uneven, ..Case::default() },
        Case { memory_bytes: 64 * MIB, initrd: Some(body(8 << 20)), ..Case::default() },
    ];
    for case in cases {
        boot(&case);
    }
}

fn count(steps: &[Step], what: impl Fn(&str) -> bool) -> usize {
    steps.iter().filter(|step| what(step.name)).count()
}

/// The budget of performance: with createdomain, bounds, pool, claim and its end, ports and unpause at most 24 in all.
#[test]
fn a_small_build_takes_few_hypercalls() {
    let bench = Bench::new(&Case::default());
    let domid = bench.create();
    bench.machine.set_faults(FaultPlan::none());
    bench.build(domid).unwrap();
    let steps = bench.machine.steps();
    let maps = count(&steps, |what| what.ends_with(" map"));
    let multicalls = count(&steps, |what| what == "multicall");
    assert_eq!((maps, multicalls), (2, 1), "{steps:?}");
    // Not counted: the host's policy, read once per daemon, and the two ports, which are the engine's.
    let hypercalls = steps.len() - maps - multicalls - 3;
    assert_eq!(hypercalls, 12, "{steps:?}");
}

#[test]
fn every_step_that_fails_is_told_and_leaves_nothing() {
    let case = Case::default();
    let bench = Bench::new(&case);
    let before = bench.machine.audit();
    let domid = bench.create();
    bench.machine.set_faults(FaultPlan::none());
    bench.build(domid).unwrap();
    let steps = bench.machine.steps().len();
    bench.xen.destroy_domain(domid).unwrap();
    assert_eq!(bench.machine.audit(), before);
    assert!(steps > 10);
    for step in 0..steps {
        let domid = bench.create();
        bench.machine.set_faults(FaultPlan::none().with(When::Step(step), Effect::Errno(Errno::EIO)));
        let error = bench.build(domid).map(|()| step).unwrap_err().to_string();
        assert!(error.contains("EIO"), "step {step}: {error}");
        assert!(error.contains(&domid.to_string()) || step == 0 || error.starts_with("multicall"), "step {step}: {error}");
        bench.machine.set_faults(FaultPlan::none());
        bench.xen.destroy_domain(domid).unwrap();
        assert_eq!(bench.machine.audit(), before, "step {step}");
    }
}

#[test]
fn populate_goes_on_where_xen_stopped() {
    for stop in 0..8 {
        let bench = Bench::new(&Case::default());
        let domid = bench.create();
        bench.machine.set_faults(FaultPlan::none().with(When::Nth("memory_op populate_physmap", 0), Effect::Short(stop)));
        bench.build(domid).unwrap();
        assert_eq!(bench.machine.fault_hits(), 1);
        assert_eq!(bench.machine.audit().domains[&domid].pages, bench.layout.total_pages(), "{stop}");
    }
}

#[test]
fn a_host_without_memory_is_told() {
    let bench = Bench::new(&Case {
        memory_bytes: 3 << 30,
        host: MachineConfig { memory_bytes: 3 << 30, ..MachineConfig::default() },
        ..Case::default()
    });
    let before = bench.machine.audit();
    let domid = bench.create();
    let error = build::populate(&bench.xen, domid, &bench.layout).unwrap_err();
    assert!(error.is_out_of_memory(), "{error}");
    assert!(error.to_string().contains("free some or give the domain less"), "{error}");
    bench.xen.destroy_domain(domid).unwrap();
    assert_eq!(bench.machine.audit(), before);
}

#[test]
fn grants_go_another_way_where_resources_are_unknown() {
    for errno in [Errno::EOPNOTSUPP, Errno(25)] {
        let bench = Bench::new(&Case::default());
        let domid = bench.create();
        bench.machine.set_faults(FaultPlan::none().with(When::Every("resource map"), Effect::Errno(errno)));
        bench.build(domid).unwrap();
        assert_eq!(bench.machine.fault_hits(), 1);
        bench.machine.set_faults(FaultPlan::none());
        assert_eq!(bench.machine.audit().domains[&domid].pages, bench.layout.total_pages());
        bench.xen.unpause(domid).unwrap();
        assert_eq!(bench.machine.guest(domid).unwrap().problems, Vec::<String>::new());
    }
}

#[test]
fn a_file_that_shrinks_meanwhile_is_told() {
    let bench = Bench::new(&Case::default());
    let domid = bench.create();
    File::options().write(true).open(bench._files.path().join("initrd")).unwrap().set_len(1000).unwrap();
    let error = bench.build(domid).unwrap_err().to_string();
    assert!(error.starts_with("initrd: ") && error.contains("must stay as it is"), "{error}");
}
