//! Golden plans: what is done for which guest on which release, as text. Seen anew with `XENITH_BLESS=1`.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use xen_abi::hypercall::cpu_policy::CpuPolicy;
use xen_abi::hypercall::sysctl::physinfo::{CAP_HAP, CAP_HVM, CAP_SHADOW, Capabilities};
use xen_abi::{DomId, Release};
use xen_guest::loader::elf::{FileRange, LoadSegment};
use xen_guest::loader::kernel::KernelInfo;
use xenith_api::latest::{Code, DomainConfig};

use super::{Plan, Wanted, create, destroy, dump, rename, resize, size, soft_reset};
use crate::facts::{CreateFacts, HostFacts, SizeFacts};
use crate::journal::{DumpEntry, Identity, RenameEntry, SoftResetEntry};
use crate::record::DomainRecord;

const RELEASES: [Release; 4] = [Release::V4_14, Release::V4_17, Release::V4_20, Release::V4_22];

struct Guest {
    name: &'static str,
    config: &'static str,
    kernel: KernelInfo,
    initrd_bytes: Option<u64>,
    paused: bool,
}

fn kernel(paddr: u64, memory_bytes: u64, entry: u32, wants_low_rsdp: bool) -> KernelInfo {
    let file = FileRange { offset: 0x1000, bytes: memory_bytes };
    KernelInfo { segments: vec![LoadSegment { file, paddr, memory_bytes }], entry, wants_low_rsdp }
}

fn guests() -> [Guest; 3] {
    [
        Guest {
            name: "tiny",
            config: r#"{"name":"tiny","memory":"16MiB","boot":{"kernel":"/tiny.elf"}}"#,
            kernel: kernel(0x10_0000, 0x100, 0x10_0000, false),
            initrd_bytes: None,
            paused: true,
        },
        Guest {
            name: "debian",
            config: r#"{"name":"debian","vcpus":2,"memory":"512MiB",
                "boot":{"kernel":"/boot/vmlinuz","initrd":"/boot/initrd.img","cmdline":"console=hvc0 root=/dev/xvda1"}}"#,
            kernel: kernel(0x100_0000, 0x3a0_0000, 0x1e2_b3f0, false),
            initrd_bytes: Some(34_567_890),
            paused: false,
        },
        Guest {
            name: "huge",
            config: r#"{"name":"huge","vcpus":128,"memory":"6GiB","boot":{"kernel":"/vmlinux"}}"#,
            kernel: kernel(0x100_0000, 0x200_0000, 0x100_0080, true),
            initrd_bytes: None,
            paused: false,
        },
    ]
}

fn host(release: Release) -> HostFacts {
    HostFacts {
        release,
        version: format!("{release}.0"),
        capabilities: Capabilities(CAP_HVM | CAP_HAP),
        max_grant_version: 2,
        total_kib: 16 << 20,
        cpus: 4,
        cpu_default: Arc::new(CpuPolicy::default()),
    }
}

fn plan(guest: &Guest, host: &HostFacts) -> Result<Plan, xenith_api::latest::Problem> {
    let config: DomainConfig = serde_json::from_str(guest.config).expect("a config");
    let facts = CreateFacts {
        host,
        kernel: &guest.kernel,
        initrd_bytes: guest.initrd_bytes,
        uuid: Uuid::from_u128(0x5b0c_3d8e_6a5c_4c6e_9df0_0c2f_3b1c_9a77),
        now: Duration::from_millis(1_700_000_000_070),
        paused: guest.paused,
        quick_restarts: 0,
    };
    create(&config, &facts)
}

#[test]
fn the_plans_of_three_guests_on_four_releases() {
    for guest in guests() {
        for release in RELEASES {
            let text = plan(&guest, &host(release)).expect("a plan").to_string();
            crate::golden::check(&format!("create-{}-{release}.txt", guest.name), &text);
        }
    }
}

#[test]
fn the_plan_of_a_destroy() {
    crate::golden::check("destroy.txt", &destroy(Uuid::from_u128(1), DomId(5)).to_string());
}

#[test]
fn the_plans_for_a_domain_that_is_there() {
    let config: DomainConfig = serde_json::from_str(r#"{"name":"web","memory":"64MiB","boot":{"kernel":"/k"}}"#).expect("a config");
    let uuid = Uuid::from_u128(1);
    let record = DomainRecord { uuid, domid: 5, created_ms: 0, quick_restarts: 0, held: false, config: config.clone() };
    let from = Identity { uuid, name: "web".to_owned() };
    let to = Identity { uuid: Uuid::from_u128(2), name: "web-20260102T0304Z".to_owned() };
    let renamed = RenameEntry { domid: 5, from, to, record: Some(record) };
    crate::golden::check("rename.txt", &rename(&renamed).to_string());
    let reset = SoftResetEntry { uuid, domid: 5, started_ms: 0, quick_restarts: 1, config };
    crate::golden::check("soft-reset.txt", &soft_reset(&reset).to_string());
    let dumped = DumpEntry { uuid, domid: 5, name: "web".to_owned(), path: "/d/web.core".into(), limit_bytes: 1, pause: true };
    crate::golden::check("dump.txt", &dump(&dumped).to_string());
}

fn size_facts() -> SizeFacts {
    SizeFacts {
        uuid: Uuid::from_u128(1),
        domid: 5,
        name: "web".to_owned(),
        target_kib: Some(196_608),
        static_max_kib: Some(196_608),
        videoram_kib: 0,
        bound_kib: 197_632,
        hvm: true,
        emulated: false,
        online: vec![true, true],
    }
}

#[test]
fn the_plan_of_a_resize() {
    let entry = size(&Wanted { memory_kib: Some(163_840), vcpus: Some(1) }, &size_facts()).expect("an entry");
    assert_eq!(entry.changes(), "memory 192MiB to 160MiB, vcpus 2 to 1");
    crate::golden::check("resize.txt", &resize(&entry).to_string());
    let vcpus = size(&Wanted { memory_kib: None, vcpus: Some(1) }, &size_facts()).expect("an entry");
    assert_eq!((vcpus.changes().as_str(), resize(&vcpus).steps.len()), ("vcpus 2 to 1", 1));
    let nothing = size(&Wanted { memory_kib: Some(196_608), vcpus: Some(2) }, &size_facts()).expect("an entry");
    assert_eq!((nothing.from == nothing.to, nothing.changes().as_str()), (true, ""));
}

#[test]
fn the_target_leaves_video_memory_out_and_the_bound_does_not() {
    let facts = SizeFacts { videoram_kib: 8192, static_max_kib: Some(155_648), ..size_facts() };
    let entry = size(&Wanted { memory_kib: Some(163_840), vcpus: None }, &facts).expect("an entry");
    let memory = entry.to.memory.expect("memory");
    assert_eq!((memory.target_kib, memory.bound_kib, entry.pod_target_kib), (155_648, 164_864, Some(156_672)));
    let paravirtualized = SizeFacts { hvm: false, ..facts };
    let entry = size(&Wanted { memory_kib: Some(163_840), vcpus: None }, &paravirtualized).expect("an entry");
    assert_eq!((entry.pod_target_kib, resize(&entry).steps.len()), (None, 2));
}

#[test]
fn what_cannot_change_while_it_runs_is_told() {
    type Change = fn(&mut SizeFacts);
    let (memory, vcpus) = (|kib| Wanted { memory_kib: Some(kib), vcpus: None }, |vcpus| Wanted { memory_kib: None, vcpus: Some(vcpus) });
    let table: [(Change, Wanted, Code, &str); 4] = [
        (|_| {}, memory(196_612), Code::NeedsRestart, "/memory"),
        (|_| {}, vcpus(3), Code::NeedsRestart, "/vcpus"),
        (|facts| facts.emulated = true, vcpus(1), Code::DomainState, ""),
        (|facts| facts.target_kib = None, memory(163_840), Code::DomainState, ""),
    ];
    for (row, (change, wanted, code, pointer)) in table.into_iter().enumerate() {
        let mut facts = size_facts();
        change(&mut facts);
        let problem = size(&wanted, &facts).expect_err("a problem");
        assert_eq!((problem.code, problem.pointer.as_deref().unwrap_or_default()), (code, pointer), "row {row}: {problem}");
    }
}

#[test]
fn a_plan_is_whole_before_it_reaches_the_store() {
    for guest in guests() {
        let plan = plan(&guest, &host(Release::V4_20)).expect("a plan");
        let tail = plan.steps.get(plan.whole_from..).expect("a tail");
        assert_eq!(tail.len(), if guest.paused { 3 } else { 4 });
    }
}

#[test]
fn what_the_host_lacks_is_told() {
    let [tiny, _, huge] = guests();
    let code = |guest: &Guest, change: fn(&mut HostFacts)| {
        let mut host = host(Release::V4_20);
        change(&mut host);
        plan(guest, &host).err().map(|problem| problem.complaints.first().map_or(problem.code, |complaint| complaint.code))
    };
    assert_eq!(code(&tiny, |_| {}), None);
    assert_eq!(code(&tiny, |host| host.capabilities = Capabilities(CAP_HVM)), Some(Code::HostIncapable));
    assert_eq!(code(&tiny, |host| host.capabilities = Capabilities(CAP_HAP)), Some(Code::HostIncapable));
    assert_eq!(code(&tiny, |host| host.capabilities = Capabilities(CAP_HVM | CAP_SHADOW)), None);
    assert_eq!(code(&huge, |host| host.total_kib = 4 << 20), Some(Code::MemoryInsufficient));
}

#[test]
fn a_domain_too_small_for_its_kernel_is_told_how_much_would_do() {
    let [_, mut debian, _] = guests();
    debian.config = r#"{"name":"small","memory":"64MiB","boot":{"kernel":"/boot/vmlinuz","initrd":"/boot/initrd.img"}}"#;
    let problem = plan(&debian, &host(Release::V4_17)).expect_err("too small");
    assert_eq!(problem.code, Code::MemoryTooSmall);
    assert!(problem.detail.contains("at least 107 MiB"), "{}", problem.detail);
}
