//! The HVM save stream of a domain: registers as records.
//!
//! ```text
//!   HEADER | CPU of each vcpu that is up | LAPIC, LAPIC_REGS, MTRR, TSC_ADJUST of each vcpu | END
//!   load: every vcpu goes down; those with a CPU record come up       (so CPU records go in last)
//! ```
//!
//! From 4.19 a stream is checked whole before any of it counts; before, what came before the bad record stays (xen/arch/x86/hvm/save.c).

use xen_abi::boot::hvm_record::{cpu, descriptor, header, mtrr};
use xen_abi::layout::Field;
use xen_abi::{Errno, Release};

use crate::domain::Domain;
use crate::xen::Xen;

/// `HVM_FILE_MAGIC` and `HVM_FILE_VERSION` (public/arch-x86/hvm/save.h).
const MAGIC: u64 = 0x5438_1286;
const VERSION: u64 = 1;
const HEADER_MAGIC: Field = Field::u32(0);
const HEADER_VERSION: Field = Field::u32(4);
const HEADER_CPUID: Field = Field::u32(16);
const HEADER_GTSC_KHZ: Field = Field::u32(20);
/// `HVM_SAVE_CODE_MAX` (public/arch-x86/hvm/save.h).
const CODE_MAX: u16 = 20;
const LAPIC: u16 = 5;
const LAPIC_REGS: u16 = 6;
const TSC_ADJUST: u16 = 19;
/// Where `hvm_hw_mtrr` holds its PAT and its capabilities.
const MTRR_PAT: Field = Field::u64(0);
const MTRR_CAP: Field = Field::u64(224);
const CR0_PE: u64 = 1;
const CR0_ET: u64 = 0x10;
const CR0_PG: u64 = 0x8000_0000;

/// Lengths of the records that every vcpu has from its creation on.
fn fixed(release: &Release) -> [(u16, usize); 4] {
    let lapic = if *release >= Release::V4_21 { 32 } else { 24 };
    [(LAPIC, lapic), (LAPIC_REGS, 1024), (mtrr::CODE, mtrr::SIZE), (TSC_ADJUST, 8)]
}

/// Gives every vcpu that lacks them the records of a fresh vcpu.
pub(crate) fn reset(domain: &mut Domain, release: &Release) {
    let vcpus = domain.vcpus.len() as u16;
    for (code, length) in fixed(release) {
        for vcpu in 0..vcpus {
            domain.records.entry((code, vcpu)).or_insert_with(|| fresh(code, length));
        }
    }
}

fn fresh(code: u16, length: usize) -> Vec<u8> {
    let mut record = vec![0; length];
    if code == mtrr::CODE {
        // The power-on PAT; eight variable ranges, fixed ranges, write-combining.
        let _ = MTRR_PAT.put(&mut record, 0x0007_0406_0007_0406).and(MTRR_CAP.put(&mut record, 0x508));
    }
    record
}

fn append(stream: &mut Vec<u8>, code: u16, instance: u16, body: &[u8]) {
    stream.extend(code.to_le_bytes());
    stream.extend(instance.to_le_bytes());
    stream.extend((body.len() as u32).to_le_bytes());
    stream.extend(body);
}

/// Room that a whole stream may need, in bytes.
pub(crate) fn size(domain: &Domain, release: &Release) -> usize {
    let records: usize = fixed(release).iter().map(|(_, length)| length + descriptor::SIZE).sum();
    2 * descriptor::SIZE + header::SIZE + domain.vcpus.len() * (records + descriptor::SIZE + cpu::SIZE)
}

/// The stream.
pub(crate) fn save(domain: &Domain, xen: &Xen) -> Vec<u8> {
    let mut stream = Vec::new();
    append(&mut stream, header::CODE, 0, &our_header(xen));
    for ((code, instance), body) in &domain.records {
        let down = domain.vcpus.get(usize::from(*instance)).is_none_or(|vcpu| vcpu.down);
        if *code != cpu::CODE || !down {
            append(&mut stream, *code, *instance, body);
        }
    }
    append(&mut stream, xen_abi::boot::hvm_record::END, 0, &[]);
    stream
}

fn our_header(xen: &Xen) -> Vec<u8> {
    let mut header = vec![0xff; header::SIZE];
    let fields = [(HEADER_MAGIC, MAGIC), (HEADER_VERSION, VERSION), (HEADER_CPUID, 0xf61), (HEADER_GTSC_KHZ, xen.config.cpu_khz.into())];
    for (field, value) in fields {
        let _ = field.put(&mut header, value);
    }
    header
}

/// One record of one vcpu.
pub(crate) fn one(domain: &Domain, xen: &Xen, code: u32, instance: u32) -> Result<Vec<u8>, Errno> {
    let known = code == u32::from(cpu::CODE) || fixed(&xen.release).iter().any(|(known, _)| u32::from(*known) == code);
    if !known {
        return Err(Errno::EINVAL);
    }
    let vcpu = domain.vcpus.get(instance as usize).ok_or(Errno::ENOENT)?;
    let record = domain.records.get(&(code as u16, instance as u16));
    record.filter(|_| code != u32::from(cpu::CODE) || !vcpu.down).cloned().ok_or(Errno::ENODATA)
}

struct Loaded<'a> {
    code: u16,
    instance: u16,
    body: &'a [u8],
}

/// Cuts the next record off.
fn next<'a>(stream: &mut &'a [u8]) -> Result<Loaded<'a>, Errno> {
    let get = |field: Field| field.get(stream).map_err(|_| Errno::ENODATA);
    let (code, instance, length) =
        (get(descriptor::TYPECODE)? as u16, get(descriptor::INSTANCE)? as u16, get(descriptor::LENGTH)? as usize);
    let rest = stream.get(descriptor::SIZE..).ok_or(Errno::ENODATA)?;
    let body = rest.get(..length).ok_or(Errno::ENODATA)?;
    *stream = rest.get(length..).ok_or(Errno::ENODATA)?;
    Ok(Loaded { code, instance, body })
}

/// Loads a stream.
pub(crate) fn load(domain: &mut Domain, stream: &[u8], release: &Release) -> Result<(), Errno> {
    let mut rest = stream;
    let head = next(&mut rest).map_err(|_| Errno::ENODATA)?;
    if head.code != header::CODE || head.body.len() != header::SIZE {
        return Err(Errno::ENODATA);
    }
    if HEADER_MAGIC.get(head.body) != Ok(MAGIC) || HEADER_VERSION.get(head.body) != Ok(VERSION) {
        return Err(Errno::EINVAL);
    }
    if *release >= Release::V4_19 {
        each(rest, |record| check(domain, record, release))?;
    }
    domain.vcpus.iter_mut().for_each(|vcpu| vcpu.down = true);
    each(rest, |record| {
        check(domain, record, release)?;
        apply(domain, record);
        Ok(())
    })
}

fn each(mut stream: &[u8], mut run: impl FnMut(&Loaded<'_>) -> Result<(), Errno>) -> Result<(), Errno> {
    loop {
        let record = next(&mut stream)?;
        if record.code == xen_abi::boot::hvm_record::END {
            return Ok(());
        }
        run(&record)?;
    }
}

fn check(domain: &Domain, record: &Loaded<'_>, release: &Release) -> Result<(), Errno> {
    let room = match record.code {
        cpu::CODE => cpu::SIZE,
        code if code > CODE_MAX => return Err(Errno::EINVAL),
        code => fixed(release).into_iter().find(|(known, _)| *known == code).ok_or(Errno::EINVAL)?.1,
    };
    let exact = record.code == mtrr::CODE;
    let fits = if exact { record.body.len() == room } else { record.body.len() <= room };
    let exists = usize::from(record.instance) < domain.vcpus.len();
    if !fits || !exists || (record.code == cpu::CODE && !cr0_ok(record.body)) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// ET is hardwired, and paging needs protection.
fn cr0_ok(body: &[u8]) -> bool {
    let cr0 = cpu::CR0.get(body).unwrap_or(0);
    cr0 & CR0_ET != 0 && cr0 & (CR0_PE | CR0_PG) != CR0_PG
}

fn apply(domain: &mut Domain, record: &Loaded<'_>) {
    let mut body = record.body.to_vec();
    if record.code == cpu::CODE {
        body.resize(cpu::SIZE, 0);
        if let Some(vcpu) = domain.vcpus.get_mut(usize::from(record.instance)) {
            vcpu.down = false;
            vcpu.blocked = false;
        }
    }
    domain.records.insert((record.code, record.instance), body);
}
