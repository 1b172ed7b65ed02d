//! The PVH start record and the tables it points at (public/arch-x86/hvm/start_info.h, version 1, 4.14 to 4.22 alike).

use crate::layout::Field;

/// `XEN_HVM_START_MAGIC_VALUE`.
pub const MAGIC: u32 = 0x336e_c578;
/// The version that carries a memory map.
pub const VERSION: u32 = 1;

/// `struct hvm_start_info`.
pub mod record {
    use super::Field;
    /// Length in bytes.
    pub const SIZE: usize = 56;
    /// [`super::MAGIC`].
    pub const MAGIC: Field = Field::u32(0);
    /// [`super::VERSION`].
    pub const VERSION: Field = Field::u32(4);
    /// `SIF_*` flags, zero for a domU.
    pub const FLAGS: Field = Field::u32(8);
    /// How many modules.
    pub const NR_MODULES: Field = Field::u32(12);
    /// Address of the module list, zero without modules.
    pub const MODLIST_PADDR: Field = Field::u64(16);
    /// Address of the zero-terminated command line.
    pub const CMDLINE_PADDR: Field = Field::u64(24);
    /// Address of ACPI's RSDP.
    pub const RSDP_PADDR: Field = Field::u64(32);
    /// Address of the memory map.
    pub const MEMMAP_PADDR: Field = Field::u64(40);
    /// Entries of the memory map.
    pub const MEMMAP_ENTRIES: Field = Field::u32(48);
}

/// `struct hvm_modlist_entry`.
pub mod module {
    use super::Field;
    /// Length in bytes.
    pub const SIZE: usize = 32;
    /// Where the module lies.
    pub const PADDR: Field = Field::u64(0);
    /// Its length in bytes.
    pub const BYTES: Field = Field::u64(8);
    /// Address of its zero-terminated command line, zero without one.
    pub const CMDLINE_PADDR: Field = Field::u64(16);
}

/// `struct hvm_memmap_table_entry`.
pub mod memmap {
    use super::Field;
    /// Length in bytes.
    pub const SIZE: usize = 24;
    /// Where the range begins.
    pub const ADDR: Field = Field::u64(0);
    /// Its length in bytes.
    pub const BYTES: Field = Field::u64(8);
    /// One of the `TYPE_*`.
    pub const TYPE: Field = Field::u32(16);
}

/// `XEN_HVM_MEMMAP_TYPE_RAM`; the types are those of the E820 map that `XENMEM_set_memory_map` takes.
pub const TYPE_RAM: u32 = 1;
/// `XEN_HVM_MEMMAP_TYPE_RESERVED`.
pub const TYPE_RESERVED: u32 = 2;
/// `XEN_HVM_MEMMAP_TYPE_ACPI`.
pub const TYPE_ACPI: u32 = 3;
/// `XEN_HVM_MEMMAP_TYPE_NVS`.
pub const TYPE_NVS: u32 = 4;
