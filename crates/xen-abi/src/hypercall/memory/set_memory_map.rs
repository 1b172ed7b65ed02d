//! `XENMEM_set_memory_map`: the E820 map that a domain is told when it asks Xen.

use super::{SET_MEMORY_MAP, call};
use crate::call::{Call, Direction, Operation, OperationError};
use crate::layout::Field;
use crate::names::DomId;
use crate::record::record;
use crate::release::Release;

record! {
    /// The argument.
    RECORD = "struct xen_foreign_memory_map", size 24 {
        /// Whose map.
        DOMID: u16 = "domid" @ 0;
        /// How many entries.
        NR_ENTRIES: u32 = "map.nr_entries" @ 8;
        /// Where they are.
        BUFFER: u64 = "map.buffer" @ 16;
    }
}

/// Bytes of an entry: as the BIOS call INT 0x15 EAX=0xE820 gives it (public/memory.h says so), packed.
pub const ENTRY_SIZE: usize = 20;
/// Start, in bytes.
pub const ENTRY_ADDR: Field = Field::u64(0);
/// Length, in bytes.
pub const ENTRY_SIZE_FIELD: Field = Field::u64(8);
/// [`MemoryKind`].
pub const ENTRY_TYPE: Field = Field::u32(16);

/// The most entries that every release takes (xen/arch/x86, `E820MAX`).
pub const ENTRIES_MAX: usize = 128;

/// What a range is, as the ACPI specification numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// Usable.
    Ram,
    /// Not to be touched.
    Reserved,
    /// ACPI tables, usable once they are read.
    AcpiReclaimable,
    /// ACPI tables, to be kept.
    AcpiNvs,
}

impl MemoryKind {
    /// The number in the map.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            MemoryKind::Ram => 1,
            MemoryKind::Reserved => 2,
            MemoryKind::AcpiReclaimable => 3,
            MemoryKind::AcpiNvs => 4,
        }
    }

    /// What the ranges of a PVH domain's ACPI tables are: from 4.21 NVS, so that kexec keeps them (tools/libs/light/libxl_x86.c).
    #[must_use]
    pub fn acpi_tables(release: &Release) -> MemoryKind {
        if release.keeps_acpi_tables_across_kexec() { MemoryKind::AcpiNvs } else { MemoryKind::AcpiReclaimable }
    }
}

/// One range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryMapEntry {
    /// Start, in bytes.
    pub start: u64,
    /// Length, in bytes.
    pub length: u64,
    /// What it is.
    pub kind: MemoryKind,
}

/// Sets the map. Up to [`ENTRIES_MAX`] entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetMemoryMap {
    /// Whose map.
    pub domid: DomId,
    /// The ranges.
    pub entries: Vec<MemoryMapEntry>,
}

impl Operation for SetMemoryMap {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let count = self.entries.len();
        if count > ENTRIES_MAX {
            return Err(OperationError::OutOfRange { what: "entries of a memory map", value: count as u64, bound: "0 to 128" });
        }
        let mut record = RECORD.zeroed(release)?;
        DOMID.put(release, &mut record, self.domid.0.into())?;
        NR_ENTRIES.put(release, &mut record, count as u64)?;
        let mut list = vec![0; count * ENTRY_SIZE];
        for (bytes, entry) in list.chunks_exact_mut(ENTRY_SIZE).zip(&self.entries) {
            ENTRY_ADDR.put(bytes, entry.start)?;
            ENTRY_SIZE_FIELD.put(bytes, entry.length)?;
            ENTRY_TYPE.put(bytes, entry.kind.code().into())?;
        }
        let pointer = BUFFER.field(release).map_or(0, |field| field.offset);
        Ok(call(SET_MEMORY_MAP, Direction::In, record).buffer(Direction::In, list).patch(0, pointer, 1))
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}
