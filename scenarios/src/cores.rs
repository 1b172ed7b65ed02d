//! Two core dumps of one domain that stood still, by two programs: what each holds, and where they differ.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, Result, ensure};

const PAGE: usize = 4096;
/// Words of the ELF header and of a section's header (ELF64).
const SECTIONS_AT: u64 = 40;
const SECTION_COUNT: u64 = 60;
const SECTION_BYTES: u64 = 64;

struct Core {
    file: File,
    /// Name, offset, length.
    sections: Vec<(String, u64, u64)>,
}

impl Core {
    fn open(path: &Path) -> Result<Core> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let word = |at: u64| -> Result<u64> {
            let mut bytes = [0; 8];
            file.read_exact_at(&mut bytes, at)?;
            Ok(u64::from_le_bytes(bytes))
        };
        let (table, counts) = (word(SECTIONS_AT)?, word(SECTION_COUNT)?);
        let (count, names) = (counts & 0xffff, counts >> 16 & 0xffff);
        let names = word(table + names * SECTION_BYTES + 24)?;
        let mut sections = Vec::new();
        for index in 0..count {
            let header = table + index * SECTION_BYTES;
            let mut name = vec![0; 32];
            let read = file.read_at(&mut name, names + (word(header)? & 0xffff_ffff))?;
            let name = name.get(..read).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
            sections.push((String::from_utf8_lossy(name).into_owned(), word(header + 24)?, word(header + 32)?));
        }
        Ok(Core { file, sections })
    }

    fn section(&self, name: &str) -> Result<Vec<u8>> {
        let (_, offset, length) = self.sections.iter().find(|(known, ..)| known == name).with_context(|| format!("no section {name}"))?;
        let mut bytes = vec![0; usize::try_from(*length)?];
        self.file.read_exact_at(&mut bytes, *offset)?;
        Ok(bytes)
    }

    /// Each frame that is there, with its page.
    fn pages(&self) -> Result<Vec<(u64, Vec<u8>)>> {
        const INVALID: u64 = u64::MAX;
        let (frames, pages) = (self.section(".xen_pfn")?, self.section(".xen_pages")?);
        ensure!(frames.len() / 8 == pages.len() / PAGE, "{} frames for {} pages", frames.len() / 8, pages.len() / PAGE);
        let frames = frames.chunks_exact(8).map(|word| word.try_into().map_or(INVALID, u64::from_le_bytes));
        Ok(frames
            .zip(pages.chunks_exact(PAGE))
            .filter(|(frame, _)| *frame != INVALID)
            .map(|(frame, page)| (frame, page.to_vec()))
            .collect())
    }
}

/// Compares them; a line for what they agree on.
///
/// # Errors
/// Where they do not hold the same memory and registers.
pub fn compare(one: &Path, other: &Path) -> Result<String> {
    let (first, second) = (Core::open(one)?, Core::open(other)?);
    let (pages, others) = (first.pages()?, second.pages()?);
    let frames = |pages: &[(u64, Vec<u8>)]| pages.iter().map(|(frame, _)| *frame).collect::<Vec<_>>();
    let (ours, theirs) = (frames(&pages), frames(&others));
    let only = |these: &[u64], those: &[u64]| these.iter().filter(|frame| !those.contains(frame)).take(8).copied().collect::<Vec<_>>();
    ensure!(ours == theirs, "frames only in the first: {:x?}, only in the second: {:x?}", only(&ours, &theirs), only(&theirs, &ours));
    let differ: Vec<u64> = pages.iter().zip(&others).filter(|(one, other)| one != other).map(|(one, _)| one.0).collect();
    ensure!(differ.is_empty(), "{} pages differ, the first at frame {:x?}", differ.len(), differ.first());
    ensure!(first.section(".xen_prstatus")? == second.section(".xen_prstatus")?, "registers differ");
    let room = |core: &Core| -> Result<u64> { Ok(core.file.metadata()?.blocks() * 512) };
    Ok(format!("{} pages and all registers are the same; {} bytes of room and {}", ours.len(), room(&first)?, room(&second)?))
}
