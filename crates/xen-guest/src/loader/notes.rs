//! Xen's notes in a kernel: where a PVH start enters it, and what it asks of its surroundings.
//!
//! ```text
//!   namesz u32 | descsz u32 | type u32 | name, to 4 bytes | desc, to 4 bytes | next note ...
//! ```
//!
//! Of all notes a PVH start needs PHYS32_ENTRY alone. HYPERCALL_PAGE in particular is gone from Linux since the fix of XSA-466.

use xen_abi::boot::elf_note::{FEATURE_DOM0, FEATURE_NAMES, FEATURES, GUEST_OS, OWNER, PHYS32_ENTRY};

/// What the notes say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XenNotes {
    /// The physical address of the PVH entry.
    pub entry: Option<u64>,
    /// The guest calls itself Linux.
    pub linux: bool,
    /// Bits of `XENFEAT_*` that the kernel cannot live without.
    pub required: u32,
    /// A required feature that no builder knows.
    pub unknown_required: Option<String>,
    /// Any note of Xen's was there.
    pub any: bool,
    /// A note ran past its range.
    pub damaged: bool,
}

/// Why a kernel cannot be started as PVH.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// No PHYS32_ENTRY note.
    #[error("the kernel has no PVH entry note (PHYS32_ENTRY); use a kernel built with CONFIG_PVH, as Debian's are")]
    NoEntry,
    /// No PHYS32_ENTRY note, but damaged ones.
    #[error("the kernel's ELF notes are corrupt; get an undamaged copy")]
    Corrupt,
    /// The entry is not where the kernel is.
    #[error("the kernel's PVH entry {entry:#x} lies outside the memory that it loads; get an undamaged copy")]
    EntryOutside {
        /// The entry's physical address.
        entry: u64,
    },
    /// The kernel runs only as the control domain.
    #[error("the kernel requires the feature {feature}, which an ordinary domain does not have; use another kernel")]
    Requires {
        /// The feature's name.
        feature: String,
    },
}

impl XenNotes {
    /// Adds what a range of notes says.
    pub fn absorb(&mut self, range: &[u8]) {
        let mut rest = range;
        while !rest.is_empty() {
            let Some((note, after)) = Note::split(rest) else {
                // Padding at the end of a section is not a note.
                self.damaged |= rest.iter().any(|byte| *byte != 0);
                return;
            };
            if note.owner == OWNER {
                self.any = true;
                self.take(&note);
            }
            rest = after;
        }
    }

    fn take(&mut self, note: &Note<'_>) {
        match note.kind {
            PHYS32_ENTRY => match number(note.desc) {
                Some(entry) => self.entry = Some(entry),
                None => self.damaged = true,
            },
            FEATURES => self.features(&text(note.desc)),
            GUEST_OS => self.linux = text(note.desc) == "linux",
            _ => {}
        }
    }

    fn features(&mut self, names: &str) {
        for name in names.split('|') {
            let (required, name) = match name.strip_prefix('!') {
                Some(name) => (true, name),
                None => (false, name),
            };
            match FEATURE_NAMES.iter().find(|(known, _)| *known == name) {
                Some((_, bit)) => self.required |= u32::from(required) << bit,
                None if required => self.unknown_required = Some(name.to_owned()),
                None => {}
            }
        }
    }

    /// The PVH entry, if an ordinary domain can run this kernel.
    pub fn pvh_entry(&self) -> Result<u64, NoteError> {
        if let Some(feature) = &self.unknown_required {
            return Err(NoteError::Requires { feature: feature.clone() });
        }
        if self.required & 1 << FEATURE_DOM0 != 0 {
            return Err(NoteError::Requires { feature: "dom0".into() });
        }
        match self.entry {
            Some(entry) => Ok(entry),
            None if self.damaged => Err(NoteError::Corrupt),
            None => Err(NoteError::NoEntry),
        }
    }

    /// Whether the kernel searches for the RSDP below 1 MiB: every Linux. One without `linux_rsdp_unrestricted` knows no other place. One with it
    /// believes the start record, but does not tell the kernel that it starts in its place (kexec), which then searches, or has no ACPI and no
    /// CPUs: PVH fills no `acpi_rsdp_addr` of the boot parameters (arch/x86/platform/pvh/enlighten.c and arch/x86/kernel/kexec-bzimage64.c, read in
    /// a later mainline; Debian's 6.1 was seen to behave so).
    #[must_use]
    pub fn wants_low_rsdp(&self) -> bool {
        self.linux
    }
}

struct Note<'a> {
    owner: &'a [u8],
    kind: u32,
    desc: &'a [u8],
}

impl<'a> Note<'a> {
    /// The first note of a range and what comes after it.
    fn split(range: &'a [u8]) -> Option<(Note<'a>, &'a [u8])> {
        let (name_bytes, rest) = word(range)?;
        let (desc_bytes, rest) = word(rest)?;
        let (kind, rest) = word(rest)?;
        let (name, rest) = padded(rest, name_bytes)?;
        let (desc, rest) = padded(rest, desc_bytes)?;
        let owner = name.strip_suffix(b"\0").unwrap_or(name);
        Some((Note { owner, kind, desc }, rest))
    }
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*word), rest))
}

/// A run of bytes and what follows its padding; the last run of a range may go without padding.
fn padded(bytes: &[u8], length: u32) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(length).ok()?;
    let (run, _) = bytes.split_at_checked(length)?;
    let end = length.checked_next_multiple_of(4)?;
    Some((run, bytes.get(end..).unwrap_or(&[])))
}

/// A value of 4 or 8 bytes.
fn number(desc: &[u8]) -> Option<u64> {
    match *desc {
        [a, b, c, d] => Some(u64::from(u32::from_le_bytes([a, b, c, d]))),
        [a, b, c, d, e, f, g, h] => Some(u64::from_le_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

fn text(desc: &[u8]) -> String {
    let end = desc.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(desc.get(..end.unwrap_or(desc.len())).unwrap_or(&[])).into_owned()
}
