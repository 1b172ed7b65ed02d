//! The file's form (docs/misc/dump-core-format.txt, version 0.1). Pure.
//!
//! ```text
//!   ELF header | section headers | .note.Xen | .xen_prstatus | to the next page | .xen_pages ... | .xen_pfn | .shstrtab
//! ```
//!
//! What stands before the pages has the same length however many they are, so that it can be written last.

use xen_abi::names::PAGE_SIZE;

/// Bytes of one vcpu's registers (`struct vcpu_guest_context`, measured).
pub const CONTEXT_BYTES: usize = 5168;
/// The pages begin at a multiple of this, so that a page of zeroes can be a hole.
pub const PAGES_ALIGN: usize = PAGE_SIZE;

/// `XC_CORE_MAGIC_HVM`: the frames are the guest's own.
const MAGIC: u64 = 0xf00f_ebee;
/// `XEN_ELFNOTE_DUMPCORE_*` (public/elfnote.h).
const NOTE_NONE: u32 = 0x200_0000;
const NOTE_HEADER: u32 = 0x200_0001;
const NOTE_XEN_VERSION: u32 = 0x200_0002;
const NOTE_FORMAT_VERSION: u32 = 0x200_0003;
/// Major 0 in the upper half, minor 1 in the lower.
const FORMAT_VERSION: u64 = 1;

/// The file header and one section header, in bytes (ELF64).
const EHDR: usize = 64;
const SHDR: usize = 64;
const SECTIONS: usize = 6;
const NAMES: [&str; SECTIONS] = ["", ".shstrtab", ".note.Xen", ".xen_prstatus", ".xen_pages", ".xen_pfn"];
/// `SHT_*`.
const PROGBITS: u32 = 1;
const STRTAB: u32 = 3;
const NOTE: u32 = 7;

/// What a dump says besides memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Xen's major and minor number.
    pub version: (u16, u16),
    /// Xen's own answers in the order of the note: extra version, compile info, capabilities, changeset, platform parameters.
    pub answers: Vec<Vec<u8>>,
    /// The registers of each vcpu that was started, [`CONTEXT_BYTES`] each.
    pub contexts: Vec<Vec<u8>>,
}

impl Head {
    /// Where the pages begin, in bytes.
    #[must_use]
    pub fn pages_offset(&self) -> u64 {
        (self.prstatus_offset() + self.contexts.len() * CONTEXT_BYTES).next_multiple_of(PAGES_ALIGN) as u64
    }

    /// All that comes before so many pages.
    #[must_use]
    pub fn bytes(&self, pages: u64) -> Vec<u8> {
        let mut out = elf_header();
        out.extend(self.section_headers(pages));
        out.extend(self.notes(pages));
        out.extend(self.contexts.concat());
        out.resize(self.pages_offset() as usize, 0);
        out
    }

    fn prstatus_offset(&self) -> usize {
        EHDR + SECTIONS * SHDR + self.notes(0).len()
    }

    fn section_headers(&self, pages: u64) -> Vec<u8> {
        let page = PAGE_SIZE as u64;
        let notes = (EHDR + SECTIONS * SHDR) as u64;
        let prstatus = self.prstatus_offset() as u64;
        let (at, pfns) = (self.pages_offset(), self.pages_offset() + pages * page);
        let context = CONTEXT_BYTES as u64;
        // Type, offset, length, alignment, length of an entry.
        let sections: [(u32, u64, u64, u64, u64); SECTIONS] = [
            (0, 0, 0, 0, 0),
            (STRTAB, pfns + pages * 8, names().len() as u64, 1, 0),
            (NOTE, notes, prstatus - notes, 4, 0),
            (PROGBITS, prstatus, self.contexts.len() as u64 * context, 8, context),
            (PROGBITS, at, pages * page, page, page),
            (PROGBITS, pfns, pages * 8, 8, 8),
        ];
        let mut out = Vec::with_capacity(SECTIONS * SHDR);
        let mut name = 0_u32;
        for (index, (kind, offset, length, align, entry)) in sections.into_iter().enumerate() {
            // Flags, address, link and info say nothing here.
            out.extend(name.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend([0; 16]);
            out.extend([offset, length, 0, align, entry].map(u64::to_le_bytes).concat());
            name += NAMES.get(index).map_or(0, |name| name.len() as u32 + 1);
        }
        out
    }

    fn notes(&self, pages: u64) -> Vec<u8> {
        let mut version: Vec<u8> = [u64::from(self.version.0), u64::from(self.version.1)].map(u64::to_le_bytes).concat();
        version.extend(self.answers.concat());
        version.extend((PAGE_SIZE as u64).to_le_bytes());
        let header = [MAGIC, self.contexts.len() as u64, pages, PAGE_SIZE as u64].map(u64::to_le_bytes).concat();
        let mut out = note(NOTE_NONE, &[]);
        out.extend(note(NOTE_HEADER, &header));
        out.extend(note(NOTE_XEN_VERSION, &version));
        out.extend(note(NOTE_FORMAT_VERSION, &FORMAT_VERSION.to_le_bytes()));
        out
    }
}

/// All that comes behind the pages: which frame each was.
#[must_use]
pub fn tail(frames: &[u64]) -> Vec<u8> {
    let mut out: Vec<u8> = frames.iter().flat_map(|frame| frame.to_le_bytes()).collect();
    out.extend(names());
    out
}

fn names() -> Vec<u8> {
    NAMES.iter().flat_map(|name| name.bytes().chain([0])).collect()
}

/// ELF64, little endian, `ET_CORE`, x86-64, sections and no program headers.
fn elf_header() -> Vec<u8> {
    let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    out.resize(16, 0);
    out.extend([4_u16, 62].map(u16::to_le_bytes).concat());
    out.extend(1_u32.to_le_bytes());
    out.extend([0, 0, EHDR as u64].map(u64::to_le_bytes).concat());
    out.extend(0_u32.to_le_bytes());
    // Its own length; program headers: none; section headers; the names' section.
    out.extend([EHDR as u16, 0, 0, SHDR as u16, SECTIONS as u16, 1].map(u16::to_le_bytes).concat());
    out
}

fn note(kind: u32, description: &[u8]) -> Vec<u8> {
    const NAME: &[u8; 4] = b"Xen\0";
    let mut out = [NAME.len() as u32, description.len() as u32, kind].map(u32::to_le_bytes).concat();
    out.extend(NAME);
    out.extend(description);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(vcpus: usize) -> Head {
        Head {
            version: (4, 17),
            answers: [16, 144, 1024, 64, 8].into_iter().map(|length| vec![7; length]).collect(),
            contexts: vec![vec![9; CONTEXT_BYTES]; vcpus],
        }
    }

    fn word(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    #[test]
    fn sections_lie_one_behind_the_other_and_are_named() {
        for vcpus in [0, 1, 3] {
            let head = head(vcpus);
            let frames = [0, 1, 0xfeffc];
            let mut file = head.bytes(frames.len() as u64);
            assert_eq!(file.len() as u64, head.pages_offset());
            assert_eq!(file.len(), head.bytes(0).len(), "the length before the pages does not depend on them");
            file.resize(file.len() + frames.len() * PAGE_SIZE, 5);
            file.extend(tail(&frames));
            let names_at = word(&file, EHDR + SHDR + 24) as usize;
            let mut behind = 0;
            for (index, expected) in [(2, ".note.Xen"), (3, ".xen_prstatus"), (4, ".xen_pages"), (5, ".xen_pfn"), (1, ".shstrtab")] {
                let section = EHDR + index * SHDR;
                let (offset, length) = (word(&file, section + 24), word(&file, section + 32));
                assert!(offset >= behind, "{expected}");
                behind = offset + length;
                let name = names_at + u32::from_le_bytes(file[section..section + 4].try_into().expect("four bytes")) as usize;
                assert_eq!(&file[name..name + expected.len() + 1], [expected.as_bytes(), &[0]].concat(), "{vcpus}");
            }
            assert_eq!(behind, file.len() as u64, "nothing lies behind the last one");
            let pfns = word(&file, EHDR + 5 * SHDR + 24) as usize;
            assert_eq!([0, 8, 16].map(|at| word(&file, pfns + at)), frames);
        }
    }

    #[test]
    fn the_version_note_is_as_long_as_the_stock_tools() {
        let bytes = head(1).notes(2);
        // 16 bytes of header and name each: nothing, four words, 1280 bytes, one word.
        assert_eq!(bytes.len(), 16 * 4 + 32 + 1280 + 8);
        assert_eq!([word(&bytes, 32), word(&bytes, 40), word(&bytes, 48), word(&bytes, 56)], [MAGIC, 1, 2, 4096]);
    }
}
