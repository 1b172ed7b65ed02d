//! The smallest PVH guest: an ELF file whose only instruction stops the vcpu.
//!
//! ```text
//!  0   ELF header        52 bytes
//!  52  PT_LOAD, PT_NOTE  32 bytes each
//!  116 note: "Xen", type 18 (XEN_ELFNOTE_PHYS32_ENTRY, public/elfnote.h), the entry
//!  136 cli; hlt; jmp back to hlt
//! ```

const LOAD_ADDRESS: u32 = 0x10_0000;
const NOTE: u32 = 116;
const CODE: u32 = 136;
/// Where the first instruction lies in the guest.
pub const TINY_GUEST_ENTRY: u32 = LOAD_ADDRESS + CODE;
const INSTRUCTIONS: [u8; 4] = [0xfa, 0xf4, 0xeb, 0xfd];

/// The bytes of the file.
pub fn tiny_guest() -> Vec<u8> {
    tiny_guest_of(&INSTRUCTIONS)
}

/// The same with other instructions at its entry: 32-bit protected mode, no paging, flat segments. They lie at [`TINY_GUEST_ENTRY`].
pub fn tiny_guest_of(instructions: &[u8]) -> Vec<u8> {
    let length = CODE + instructions.len() as u32;
    let entry = LOAD_ADDRESS + CODE;
    let mut bytes = b"\x7fELF\x01\x01\x01".to_vec();
    bytes.resize(16, 0);
    halves(&mut bytes, &[2, 3]);
    words(&mut bytes, &[1, entry, 52, 0, 0]);
    halves(&mut bytes, &[52, 32, 2, 40, 0, 0]);
    words(&mut bytes, &[1, 0, LOAD_ADDRESS, LOAD_ADDRESS, length, length, 5, 0x1000]);
    words(&mut bytes, &[4, NOTE, LOAD_ADDRESS + NOTE, LOAD_ADDRESS + NOTE, CODE - NOTE, CODE - NOTE, 4, 4]);
    words(&mut bytes, &[4, 4, 18, u32::from_le_bytes(*b"Xen\0"), entry]);
    bytes.extend(instructions);
    bytes
}

fn halves(bytes: &mut Vec<u8>, values: &[u16]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn words(bytes: &mut Vec<u8>, values: &[u32]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Object, ObjectSegment};

    #[test]
    fn another_parser_reads_it() {
        let bytes = tiny_guest();
        let file = object::File::parse(&*bytes).unwrap();
        let segment = file.segments().next().unwrap();
        assert_eq!(
            (file.entry(), segment.address(), segment.size()),
            (u64::from(LOAD_ADDRESS + CODE), u64::from(LOAD_ADDRESS), bytes.len() as u64)
        );
        assert_eq!(bytes.len(), CODE as usize + INSTRUCTIONS.len());
    }
}
