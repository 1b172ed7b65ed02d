//! A PVH start state, built by the bare operations: what `xen-guest` does well, done small, so that the simulator is tested without it.
//!
//! ```text
//!   0x100000 kernel   0x200000 start info, command line, modules, map   0x300000 initrd
//!   0xfc001000 ACPI   0xfeff8000 special pages: store 0xfeffc, console 0xfefff
//! ```

use xen_abi::boot::hvm_record::{cpu, descriptor, mtrr};
use xen_abi::boot::start_info::{self, memmap, module, record};
use xen_abi::hypercall::domctl::hvmcontext::{GetHvmContext, GetHvmContextSize, SetHvmContext};
use xen_abi::hypercall::domctl::lifecycle::UnpauseDomain;
use xen_abi::hypercall::domctl::max_vcpus::MaxVcpus;
use xen_abi::hypercall::domctl::paging_pool::SetPagingPool;
use xen_abi::hypercall::evtchn::AllocUnbound;
use xen_abi::hypercall::hvm::{HvmParam, SetHvmParam};
use xen_abi::hypercall::memory::set_memory_map::{MemoryKind, MemoryMapEntry, SetMemoryMap};
use xen_abi::layout::Field;
use xen_abi::{DomId, Errno, Gfn, Port};
use xen_hv::{Access, ForeignMemory, Resource};

use super::{Host, pvh_domain};

pub const STORE_GFN: u64 = 0xfeffc;
pub const CONSOLE_GFN: u64 = 0xfefff;
const KERNEL: u64 = 0x10_0000;
const INFO: u64 = 0x20_0000;
const INITRD: u64 = 0x30_0000;
const ACPI: u64 = 0xfc00_1000;
const SPECIAL_FIRST: u64 = 0xfeff8;

/// A domain to be.
#[derive(Clone)]
pub struct Spec {
    pub vcpus: u32,
    pub mib: u64,
    pub cmdline: &'static str,
    pub kernel: Vec<u8>,
    pub initrd: Vec<u8>,
}

impl Default for Spec {
    fn default() -> Spec {
        Spec { vcpus: 1, mib: 64, cmdline: "quiet", kernel: vec![0xfa, 0xf4], initrd: Vec::new() }
    }
}

/// A domain that is built, paused.
#[derive(Clone, Copy, Debug)]
pub struct Built {
    pub domid: DomId,
    pub store: Port,
    pub console: Port,
}

pub fn try_build(host: &Host, spec: &Spec) -> Result<Built, Errno> {
    let domid = host.run(pvh_domain(spec.vcpus))?;
    host.run(MaxVcpus { domid, max: spec.vcpus })?;
    host.run(super::MaxMem { domid, max_kib: (spec.mib << 10) + 1024 })?;
    host.run(SetPagingPool { domid, bytes: (256 * u64::from(spec.vcpus) + spec.mib) << 12 })?;
    let alloc = || host.run(AllocUnbound { domid, remote: DomId::DOM0 });
    let built = Built { domid, store: alloc()?, console: alloc()? };
    let large: Vec<u64> = (0..spec.mib / 2).map(|index| index << 9).collect();
    if host.populate(domid, 9, &large) != large.len() {
        return Err(Errno::ENOMEM);
    }
    let special: Vec<u64> = (0..8).map(|index| SPECIAL_FIRST + index).chain([ACPI >> 12]).collect();
    if host.populate(domid, 0, &special) != special.len() {
        return Err(Errno::ENOMEM);
    }
    write(host, domid, KERNEL, &spec.kernel)?;
    write(host, domid, INITRD, &spec.initrd)?;
    write(host, domid, INFO, &info(spec))?;
    write(host, domid, ACPI, &acpi(spec.vcpus))?;
    host.run(SetMemoryMap { domid, entries: ranges(spec).map(|(start, length, kind)| MemoryMapEntry { start, length, kind }).into() })?;
    params(host, built)?;
    grants(host, domid)?;
    context(host, domid, spec.vcpus)?;
    Ok(built)
}

pub fn build(host: &Host, spec: &Spec) -> Built {
    try_build(host, spec).unwrap()
}

/// Builds and lets it run.
pub fn boot(host: &Host, spec: &Spec) -> Built {
    let built = build(host, spec);
    host.run(UnpauseDomain { domid: built.domid }).unwrap();
    built
}

pub fn write(host: &Host, domid: DomId, paddr: u64, bytes: &[u8]) -> Result<(), Errno> {
    if bytes.is_empty() {
        return Ok(());
    }
    let frames: Vec<Gfn> = (paddr >> 12..=(paddr + bytes.len() as u64 - 1) >> 12).map(Gfn).collect();
    match ForeignMemory::map(&host.control, domid, &frames, Access::ReadWrite) {
        Ok(pages) => pages.write((paddr & 0xfff) as usize, bytes).map_err(|_| Errno::EIO),
        Err(_) => Err(Errno::EFAULT),
    }
}

fn ranges(spec: &Spec) -> [(u64, u64, MemoryKind); 3] {
    [
        (0, spec.mib << 20, MemoryKind::Ram),
        (SPECIAL_FIRST << 12, 8 << 12, MemoryKind::Reserved),
        (ACPI & !0xfff, 0x1000, MemoryKind::AcpiNvs),
    ]
}

fn put(bytes: &mut [u8], field: Field, value: u64) {
    field.put(bytes, value).unwrap();
}

fn info(spec: &Spec) -> Vec<u8> {
    let (cmdline, modules, map) = (0x400, 0x100, 0x200);
    let mut bytes = vec![0; 0x400 + spec.cmdline.len() + 1];
    put(&mut bytes, record::MAGIC, start_info::MAGIC.into());
    put(&mut bytes, record::VERSION, start_info::VERSION.into());
    put(&mut bytes, record::CMDLINE_PADDR, INFO + cmdline);
    put(&mut bytes, record::RSDP_PADDR, ACPI);
    put(&mut bytes, record::MEMMAP_PADDR, INFO + map);
    put(&mut bytes, record::MEMMAP_ENTRIES, 3);
    if !spec.initrd.is_empty() {
        put(&mut bytes, record::NR_MODULES, 1);
        put(&mut bytes, record::MODLIST_PADDR, INFO + modules);
        put(&mut bytes, module::PADDR.at(modules as usize), INITRD);
        put(&mut bytes, module::BYTES.at(modules as usize), spec.initrd.len() as u64);
    }
    for (index, (start, length, kind)) in ranges(spec).into_iter().enumerate() {
        let at = map as usize + index * memmap::SIZE;
        put(&mut bytes, memmap::ADDR.at(at), start);
        put(&mut bytes, memmap::BYTES.at(at), length);
        put(&mut bytes, memmap::TYPE.at(at), kind.code().into());
    }
    bytes[cmdline as usize..cmdline as usize + spec.cmdline.len()].copy_from_slice(spec.cmdline.as_bytes());
    bytes
}

fn checksum(bytes: &mut [u8], at: usize) {
    bytes[at] = 0;
    bytes[at] = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
}

fn table(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = name.to_vec();
    bytes.extend((36 + body.len() as u32).to_le_bytes());
    bytes.resize(36, 0);
    bytes.extend(body);
    checksum(&mut bytes, 9);
    bytes
}

/// RSDP at 0, XSDT at 64, FADT at 128, DSDT at 512, MADT at 1024.
fn acpi(vcpus: u32) -> Vec<u8> {
    let mut root = b"RSD PTR \0XENSIM\x02".to_vec();
    root.extend([0; 4]);
    root.extend(36_u32.to_le_bytes());
    root.extend((ACPI + 64).to_le_bytes());
    root.extend([0; 4]);
    checksum(&mut root[..20], 8);
    checksum(&mut root, 32);
    let mut fadt = vec![0; 244 - 36];
    fadt[4..8].copy_from_slice(&((ACPI + 512) as u32).to_le_bytes());
    let mut madt = vec![0; 8];
    for vcpu in 0..vcpus {
        madt.extend([0, 8, vcpu as u8, (vcpu * 2) as u8, 1, 0, 0, 0]);
    }
    let xsdt: Vec<u8> = [ACPI + 128, ACPI + 1024].iter().flat_map(|at| at.to_le_bytes()).collect();
    let mut all = vec![0; 4096];
    for (at, bytes) in
        [(0, root), (64, table(b"XSDT", &xsdt)), (128, table(b"FACP", &fadt)), (512, table(b"DSDT", &[])), (1024, table(b"APIC", &madt))]
    {
        all[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    all
}

fn params(host: &Host, built: Built) -> Result<(), Errno> {
    let params = [
        (HvmParam::STORE_PFN, STORE_GFN),
        (HvmParam::CONSOLE_PFN, CONSOLE_GFN),
        (HvmParam::STORE_EVTCHN, built.store.0.into()),
        (HvmParam::CONSOLE_EVTCHN, built.console.0.into()),
    ];
    params.into_iter().try_for_each(|(param, value)| host.run(SetHvmParam { domid: built.domid, param, value }))
}

fn grants(host: &Host, domid: DomId) -> Result<(), Errno> {
    let frame = host.control.map_resource(domid, Resource::GrantTable, 0, 1).map_err(|_| Errno::EFAULT)?;
    for (index, gfn) in [CONSOLE_GFN, STORE_GFN].into_iter().enumerate() {
        let mut entry = vec![1, 0, 0, 0];
        entry.extend((gfn as u32).to_le_bytes());
        frame.write(index * 8, &entry).map_err(|_| Errno::EIO)?;
    }
    Ok(())
}

fn append(stream: &mut Vec<u8>, code: u16, instance: u16, body: &[u8]) {
    stream.extend(code.to_le_bytes());
    stream.extend(instance.to_le_bytes());
    stream.extend((body.len() as u32).to_le_bytes());
    stream.extend(body);
}

/// All MTRRs, then the registers of vcpu 0.
pub fn context(host: &Host, domid: DomId, vcpus: u32) -> Result<(), Errno> {
    let capacity = host.run(GetHvmContextSize { domid })?;
    let given = host.run(GetHvmContext { domid, capacity })?;
    let header = given[..descriptor::SIZE + 24].to_vec();
    let mut stream = header.clone();
    for vcpu in 0..vcpus {
        let mut body = vec![0; mtrr::SIZE];
        put(&mut body, mtrr::DEF_TYPE, mtrr::DEF_TYPE_WRITE_BACK);
        append(&mut stream, mtrr::CODE, vcpu as u16, &body);
    }
    append(&mut stream, 0, 0, &[]);
    host.run(SetHvmContext { domid, context: stream })?;
    let mut stream = header;
    append(&mut stream, cpu::CODE, 0, &registers());
    append(&mut stream, 0, 0, &[]);
    host.run(SetHvmContext { domid, context: stream })
}

pub fn registers() -> Vec<u8> {
    let mut body = vec![0; cpu::SIZE];
    let flat = u64::from(u32::MAX);
    let fields = [
        (cpu::RIP, KERNEL),
        (cpu::RBX, INFO),
        (cpu::CR0, 0x11),
        (cpu::CS_LIMIT, flat),
        (cpu::DS_LIMIT, flat),
        (cpu::ES_LIMIT, flat),
        (cpu::SS_LIMIT, flat),
        (cpu::TR_LIMIT, 0x67),
        (cpu::CS_ARBYTES, 0xc9b),
        (cpu::DS_ARBYTES, 0xc93),
        (cpu::ES_ARBYTES, 0xc93),
        (cpu::SS_ARBYTES, 0xc93),
        (cpu::TR_ARBYTES, 0x8b),
    ];
    for (field, value) in fields {
        put(&mut body, field, value);
    }
    body
}
