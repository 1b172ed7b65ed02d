//! Several hypercalls in one (`struct multicall_entry`, public/xen.h): n calls become one call with n entries.
//!
//! ```text
//!   calls:     A { args [Buffer 0], buffers [a] }      B { args [1, Buffer 0], buffers [b, c], patch c in b }
//!                        |                                   |
//!   combined:  buffer 0 = | entry A | entry B |    buffers 1.. = a, b, c      args [Buffer 0, 2]
//!              patches:      ^ a at 16   ^ b at 64 + 24            and c in b, relocated
//! ```
//!
//! Xen runs the entries in order, and an entry that fails stops none after it. Only an entry's `result` means anything afterwards: debug
//! builds overwrite the rest (xen/common/multicall.c). A multicall inside a multicall is refused.

use super::{MULTICALL, name};
use crate::call::{Arg, Buffer, Call, Direction, OperationError, Patch};
use crate::layout::Field;
use crate::record::record;

record! {
    /// One entry.
    RECORD = "struct multicall_entry", size 64 {
        /// The hypercall's number.
        OP: u64 = "op" @ 0;
        /// Out: what it returned, negative for an error.
        RESULT: u64 = "result" @ 8;
        /// Its words, six of them, of which five are ever used.
        ARGS: [48] = "args" @ 16;
    }
}

/// Bytes of an entry, the same in every release.
pub const ENTRY_SIZE: usize = 64;
/// The most entries that we combine.
pub const ENTRIES_MAX: usize = 128;

const OP_FIELD: Field = Field::u64(0);
const RESULT_FIELD: Field = Field::u64(8);
const ARGS_OFFSET: usize = 16;

fn arg_field(index: usize) -> Field {
    Field::u64(ARGS_OFFSET + index * 8)
}

/// Combines calls into one, buffers and patches moved along.
pub fn combine(calls: &[Call]) -> Result<Call, OperationError> {
    if calls.is_empty() || calls.len() > ENTRIES_MAX {
        return Err(OperationError::OutOfRange { what: "entries of a multicall", value: calls.len() as u64, bound: "1 to 128" });
    }
    let combined = Call::new(name::of(MULTICALL, 0), MULTICALL)
        .arg(0, Arg::Address(0))
        .arg(1, Arg::Word(calls.len() as u64))
        .buffer(Direction::InOut, vec![0; calls.len() * ENTRY_SIZE]);
    calls.iter().enumerate().try_fold(combined, append)
}

fn append(mut combined: Call, (index, call): (usize, &Call)) -> Result<Call, OperationError> {
    if call.number == MULTICALL {
        return Err(OperationError::Malformed("a multicall inside a multicall".to_owned()));
    }
    let base = combined.buffers.len();
    let start = index * ENTRY_SIZE;
    put(&mut combined, OP_FIELD.at(start), call.number.into())?;
    for (position, arg) in call.args.iter().enumerate() {
        let field = arg_field(position).at(start);
        match arg {
            Arg::Word(word) => put(&mut combined, field, *word)?,
            Arg::Address(target) => combined.patches.push(Patch { buffer: 0, offset: field.offset, target: base + target }),
        }
    }
    combined.buffers.extend(call.buffers.iter().cloned());
    let moved = |patch: &Patch| Patch { buffer: base + patch.buffer, offset: patch.offset, target: base + patch.target };
    combined.patches.extend(call.patches.iter().map(moved));
    Ok(combined)
}

fn put(combined: &mut Call, field: Field, value: u64) -> Result<(), OperationError> {
    let entries = combined.buffers.first_mut().map_or(&mut [][..], |buffer| &mut buffer.bytes);
    Ok(field.put(entries, value)?)
}

/// Splits what came back: for each of the calls combined, in their order, its result and its buffers as Xen left them.
pub fn results(combined: &Call, calls: Vec<Call>) -> Result<Vec<(i64, Call)>, OperationError> {
    let mut buffers = combined.buffers.iter().skip(1);
    let mut answers = Vec::with_capacity(calls.len());
    for (index, mut call) in calls.into_iter().enumerate() {
        let value = RESULT_FIELD.at(index * ENTRY_SIZE).get(combined.bytes(0))?;
        for (ours, theirs) in call.buffers.iter_mut().zip(&mut buffers) {
            ours.bytes.clone_from(&theirs.bytes);
        }
        answers.push((value as i64, call));
    }
    Ok(answers)
}

/// An entry taken out of a multicall, as Xen's side sees it: the simulator and the recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The entry as a call of its own.
    pub call: Call,
    /// Which buffers of the multicall its buffers are.
    pub buffers: Vec<usize>,
}

/// Takes a multicall apart.
pub fn entries(combined: &Call) -> Result<Vec<Entry>, OperationError> {
    let Some(Arg::Word(count)) = combined.args.get(1) else {
        return Err(OperationError::Malformed("a multicall without a count".to_owned()));
    };
    let count = usize::try_from(*count).unwrap_or(usize::MAX);
    if count > ENTRIES_MAX {
        return Err(OperationError::OutOfRange { what: "entries of a multicall", value: count as u64, bound: "1 to 128" });
    }
    (0..count).map(|index| entry(combined, index * ENTRY_SIZE)).collect()
}

fn entry(combined: &Call, start: usize) -> Result<Entry, OperationError> {
    let number = OP_FIELD.at(start).get(combined.bytes(0))? as u32;
    let mut entry = Entry { call: Call::new("", number), buffers: Vec::new() };
    for position in 0..entry.call.args.len() {
        let field = arg_field(position).at(start);
        let patch = combined.patches.iter().find(|patch| patch.buffer == 0 && patch.offset == field.offset);
        let arg = match patch {
            Some(patch) => Arg::Address(entry.adopt(combined, patch.target)),
            None => Arg::Word(field.get(combined.bytes(0))?),
        };
        entry.call = entry.call.arg(position, arg);
    }
    entry.follow(combined);
    entry.call.name = name::of_call(&entry.call);
    Ok(entry)
}

impl Entry {
    /// The entry's own index of a buffer of the multicall.
    fn adopt(&mut self, combined: &Call, buffer: usize) -> usize {
        if let Some(index) = self.buffers.iter().position(|known| *known == buffer) {
            return index;
        }
        let missing = || Buffer { direction: Direction::In, bytes: Vec::new() };
        self.call.buffers.push(combined.buffers.get(buffer).cloned().unwrap_or_else(missing));
        self.buffers.push(buffer);
        self.buffers.len() - 1
    }

    /// Adopts the buffers that adopted ones point to. Each buffer is looked at once, so a circle ends.
    fn follow(&mut self, combined: &Call) {
        let mut looked_at = 0;
        while let Some(buffer) = self.buffers.get(looked_at).copied() {
            for patch in combined.patches.iter().filter(|patch| patch.buffer == buffer) {
                let target = self.adopt(combined, patch.target);
                self.call.patches.push(Patch { buffer: looked_at, offset: patch.offset, target });
            }
            looked_at += 1;
        }
    }

    /// Writes the entry's answer back into the multicall it came from.
    pub fn answer(&self, combined: &mut Call, index: usize, value: i64) -> Result<(), OperationError> {
        put(combined, RESULT_FIELD.at(index * ENTRY_SIZE), value as u64)?;
        for (ours, theirs) in self.call.buffers.iter().zip(&self.buffers) {
            if let Some(buffer) = combined.buffers.get_mut(*theirs) {
                buffer.bytes.clone_from(&ours.bytes);
            }
        }
        Ok(())
    }
}
