//! Several calls in one: entries run in order, each with its own result, and none stops the next.
//!
//! Each entry is a step of its own for faults, so "every step fails" reaches inside. After it an entry holds nothing but its result: debug builds of
//! Xen overwrite the rest (xen/common/multicall.c), and so does the simulator.

use xen_abi::hypercall::multicall::{ARGS, ENTRY_SIZE, OP, RESULT};
use xen_abi::hypercall::{DOMCTL, MULTICALL, SYSCTL, name};
use xen_abi::{Arg, Errno, Release};

use super::{Answer, Caller, Image, Refusal, dispatch};
use crate::fault::Effect;
use crate::xen::Xen;

/// What debug builds leave in an entry beside its result.
const CORRUPT: u8 = 0xaa;
/// Words of an entry.
const WORDS: usize = 6;

pub(super) fn run(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let count = image.word(1) as u32 as usize;
    let list = image.pointer(0)?;
    let Some(list) = list else { return if count == 0 { Ok(0) } else { Err(Errno::EFAULT.into()) } };
    image.read(list, 0, count.checked_mul(ENTRY_SIZE).ok_or(Errno::EFAULT)?)?;
    let release = xen.release;
    for index in 0..count {
        let value = match entry(xen, caller, image, list, index * ENTRY_SIZE) {
            Ok(value) => value,
            Err(Refusal::Errno(errno)) => -i64::from(errno.0),
            Err(other) => return Err(other),
        };
        image.write(list, index * ENTRY_SIZE, &[CORRUPT; ENTRY_SIZE])?;
        image.write(list, index * ENTRY_SIZE + offset(&RESULT, &release)?, &value.to_le_bytes())?;
    }
    Ok(0)
}

fn offset(member: &xen_abi::record::Member, release: &Release) -> Result<usize, Errno> {
    member.field(release).map(|field| field.offset).ok_or(Errno::EFAULT)
}

fn entry(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>, list: usize, at: usize) -> Answer {
    let release = xen.release;
    let number = image.read_u64(list, at + offset(&OP, &release)?)? as u32;
    let first = at + offset(&ARGS, &release)?;
    let words = (0..WORDS).map(|index| word(image, list, first + index * 8)).collect::<Result<Vec<Arg>, Errno>>()?;
    let mut inner = Image { words, buffers: &mut *image.buffers, patches: image.patches };
    if number == MULTICALL {
        return Err(Errno::EINVAL.into());
    }
    let what = name::of(number, command(number, &inner));
    let fault = xen.step(caller.process, what);
    let short = match &fault {
        Some(Effect::Errno(errno)) => return Err((*errno).into()),
        Some(Effect::Frames(failed)) => return Err(failed.first().map_or(Errno::EIO, |frame| frame.1).into()),
        Some(Effect::Short(extents)) => Some(*extents),
        Some(Effect::DoneBut(_)) | None => None,
    };
    let answer = dispatch(xen, &Caller { short, ..*caller }, number, &mut inner);
    match fault {
        Some(Effect::DoneBut(errno)) => Err(errno.into()),
        _ => answer,
    }
}

fn word(image: &Image<'_>, list: usize, at: usize) -> Result<Arg, Errno> {
    let patch = image.patches.iter().find(|patch| patch.buffer == list && patch.offset == at);
    patch.map_or_else(|| image.read_u64(list, at).map(Arg::Word), |patch| Ok(Arg::Address(patch.target)))
}

/// The operation of a call: its first word, or the first field of the structure.
fn command(number: u32, image: &Image<'_>) -> u32 {
    if number != DOMCTL && number != SYSCTL {
        return image.word(0) as u32;
    }
    let bytes = image.required(0).and_then(|buffer| image.read(buffer, 0, 4));
    bytes.map_or(0, |bytes| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
}
