//! The state in which vcpus begin, as a stream of HVM save records.
//!
//! ```text
//!   Xen's own context of the new domain --> its HEADER, and the MTRR record of each vcpu
//!   our stream:  HEADER | MTRR 0 | MTRR 1 | ... | CPU 0 | END
//! ```
//!
//! Setting a context takes every vcpu down first and brings those with a CPU record up, so all goes in one stream. The header is Xen's own:
//! it carries the CPUID that Xen sees, which dom0 cannot know.

use xen_abi::boot::hvm_record::{END, cpu, descriptor, header, mtrr};
use xen_abi::layout::{Field, OutOfRecord};

/// Why Xen's context is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// A record is missing or has another size than in every release that we know.
    #[error("Xen's HVM context has no {what} record of {bytes} bytes for vcpu {vcpu}")]
    Missing {
        /// Which record.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// Whose.
        vcpu: u32,
    },
    /// A record of ours does not hold its own fields.
    #[error(transparent)]
    Record(#[from] OutOfRecord),
}

/// `CR0.PE | CR0.ET`: protected mode without paging (docs/misc/pvh.pandoc).
const CR0: u64 = 0x11;
/// The debug registers at reset.
const DR6: u64 = 0xffff_0ff0;
const DR7: u64 = 0x400;
/// Flat segments: 4 GiB, 32 bits, present; code is readable, data writable, both accessed.
const FLAT_LIMIT: u64 = 0xffff_ffff;
const CODE: u64 = 0xc9b;
const DATA: u64 = 0xc93;
/// A busy 32-bit task state segment of the least size.
const TASK_LIMIT: u64 = 0x67;
const TASK: u64 = 0x8b;

/// The stream that starts vcpu 0 at `entry` with ebx = `start_info`, made from Xen's context of the domain.
pub fn context(xens: &[u8], vcpus: u32, entry: u32, start_info: u64) -> Result<Vec<u8>, ContextError> {
    let mut stream = Vec::new();
    let header = find(xens, header::CODE, 0, header::SIZE, "HEADER")?;
    append(&mut stream, header::CODE, 0, header)?;
    for vcpu in 0..vcpus {
        let mut types = find(xens, mtrr::CODE, vcpu, mtrr::SIZE, "MTRR")?.to_vec();
        mtrr::DEF_TYPE.put(&mut types, mtrr::DEF_TYPE_WRITE_BACK)?;
        append(&mut stream, mtrr::CODE, vcpu, &types)?;
    }
    append(&mut stream, cpu::CODE, 0, &registers(entry, start_info)?)?;
    append(&mut stream, END, 0, &[])?;
    Ok(stream)
}

fn registers(entry: u32, start_info: u64) -> Result<Vec<u8>, OutOfRecord> {
    let mut record = vec![0; cpu::SIZE];
    let fields: [(Field, u64); 15] = [
        (cpu::RIP, entry.into()),
        (cpu::RBX, start_info),
        (cpu::CR0, CR0),
        (cpu::DR6, DR6),
        (cpu::DR7, DR7),
        (cpu::CS_LIMIT, FLAT_LIMIT),
        (cpu::DS_LIMIT, FLAT_LIMIT),
        (cpu::ES_LIMIT, FLAT_LIMIT),
        (cpu::SS_LIMIT, FLAT_LIMIT),
        (cpu::TR_LIMIT, TASK_LIMIT),
        (cpu::CS_ARBYTES, CODE),
        (cpu::DS_ARBYTES, DATA),
        (cpu::ES_ARBYTES, DATA),
        (cpu::SS_ARBYTES, DATA),
        (cpu::TR_ARBYTES, TASK),
    ];
    for (field, value) in fields {
        field.put(&mut record, value)?;
    }
    Ok(record)
}

fn append(stream: &mut Vec<u8>, code: u16, vcpu: u32, body: &[u8]) -> Result<(), OutOfRecord> {
    let mut head = [0; descriptor::SIZE];
    descriptor::TYPECODE.put(&mut head, code.into())?;
    descriptor::INSTANCE.put(&mut head, vcpu.into())?;
    descriptor::LENGTH.put(&mut head, body.len() as u64)?;
    stream.extend_from_slice(&head);
    stream.extend_from_slice(body);
    Ok(())
}

/// The body of a record in Xen's stream.
fn find<'a>(stream: &'a [u8], code: u16, vcpu: u32, bytes: usize, what: &'static str) -> Result<&'a [u8], ContextError> {
    let missing = ContextError::Missing { what, bytes, vcpu };
    let mut rest = stream;
    loop {
        let length = usize::try_from(descriptor::LENGTH.get(rest).map_err(|_| missing)?).map_err(|_| missing)?;
        let is = (descriptor::TYPECODE.get(rest)?, descriptor::INSTANCE.get(rest)?);
        let body = rest.get(descriptor::SIZE..).ok_or(missing)?;
        let (body, after) = body.split_at_checked(length).ok_or(missing)?;
        if is == (code.into(), vcpu.into()) {
            return if length == bytes { Ok(body) } else { Err(missing) };
        }
        if is.0 == u64::from(END) {
            return Err(missing);
        }
        rest = after;
    }
}
