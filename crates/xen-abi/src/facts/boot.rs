//! The claims of `crate::boot`, under their names in the headers. None of them moved between 4.14 and 4.22.

use crate::boot::{elf_note, grant_entry, hvm_record as record, start_info};
use crate::layout::Field;
use crate::record::{At, Constant, Member, Record};
use crate::release::Release;

const fn member(name: &'static str, field: Field) -> Member {
    Member { name, once: None, width: field.width, at: At::Always(field.offset) }
}

const fn number(name: &'static str, value: u64) -> Constant {
    Constant { name, value, since: Release::OLDEST }
}

/// The registers of a vcpu.
pub const CPU: Record = Record {
    name: "struct hvm_hw_cpu",
    size: At::Always(record::cpu::SIZE),
    members: &[
        member("rbx", record::cpu::RBX),
        member("rip", record::cpu::RIP),
        member("cr0", record::cpu::CR0),
        member("dr6", record::cpu::DR6),
        member("dr7", record::cpu::DR7),
        member("cs_limit", record::cpu::CS_LIMIT),
        member("ds_limit", record::cpu::DS_LIMIT),
        member("es_limit", record::cpu::ES_LIMIT),
        member("ss_limit", record::cpu::SS_LIMIT),
        member("tr_limit", record::cpu::TR_LIMIT),
        member("cs_arbytes", record::cpu::CS_ARBYTES),
        member("ds_arbytes", record::cpu::DS_ARBYTES),
        member("es_arbytes", record::cpu::ES_ARBYTES),
        member("ss_arbytes", record::cpu::SS_ARBYTES),
        member("tr_arbytes", record::cpu::TR_ARBYTES),
    ],
};

/// The memory types of a vcpu.
pub const MTRR: Record = Record {
    name: "struct hvm_hw_mtrr",
    size: At::Always(record::mtrr::SIZE),
    members: &[member("msr_mtrr_def_type", record::mtrr::DEF_TYPE)],
};

/// The first record of a save stream.
pub const HEADER: Record = Record { name: "struct hvm_save_header", size: At::Always(record::header::SIZE), members: &[] };

/// What stands before each record of a save stream.
pub const DESCRIPTOR: Record = Record {
    name: "struct hvm_save_descriptor",
    size: At::Always(record::descriptor::SIZE),
    members: &[
        member("typecode", record::descriptor::TYPECODE),
        member("instance", record::descriptor::INSTANCE),
        member("length", record::descriptor::LENGTH),
    ],
};

/// The start record.
pub const START_INFO: Record = Record {
    name: "struct hvm_start_info",
    size: At::Always(start_info::record::SIZE),
    members: &[
        member("magic", start_info::record::MAGIC),
        member("version", start_info::record::VERSION),
        member("flags", start_info::record::FLAGS),
        member("nr_modules", start_info::record::NR_MODULES),
        member("modlist_paddr", start_info::record::MODLIST_PADDR),
        member("cmdline_paddr", start_info::record::CMDLINE_PADDR),
        member("rsdp_paddr", start_info::record::RSDP_PADDR),
        member("memmap_paddr", start_info::record::MEMMAP_PADDR),
        member("memmap_entries", start_info::record::MEMMAP_ENTRIES),
    ],
};

/// A module of the start record.
pub const MODULE: Record = Record {
    name: "struct hvm_modlist_entry",
    size: At::Always(start_info::module::SIZE),
    members: &[
        member("paddr", start_info::module::PADDR),
        member("size", start_info::module::BYTES),
        member("cmdline_paddr", start_info::module::CMDLINE_PADDR),
    ],
};

/// A range of the start record's memory map.
pub const MEMMAP: Record = Record {
    name: "struct hvm_memmap_table_entry",
    size: At::Always(start_info::memmap::SIZE),
    members: &[
        member("addr", start_info::memmap::ADDR),
        member("size", start_info::memmap::BYTES),
        member("type", start_info::memmap::TYPE),
    ],
};

/// An entry of a grant table of version 1.
pub const GRANT_ENTRY: Record = Record {
    name: "struct grant_entry_v1",
    size: At::Always(grant_entry::SIZE),
    members: &[member("flags", grant_entry::FLAGS), member("domid", grant_entry::DOMID), member("frame", grant_entry::FRAME)],
};

/// The numbers.
pub const NUMBERS: &[Constant] = &[
    number("HVM_SAVE_CODE(END)", record::END as u64),
    number("HVM_SAVE_CODE(HEADER)", record::header::CODE as u64),
    number("HVM_SAVE_CODE(CPU)", record::cpu::CODE as u64),
    number("HVM_SAVE_CODE(MTRR)", record::mtrr::CODE as u64),
    number("XEN_HVM_START_MAGIC_VALUE", start_info::MAGIC as u64),
    number("XEN_HVM_MEMMAP_TYPE_RAM", start_info::TYPE_RAM as u64),
    number("XEN_HVM_MEMMAP_TYPE_RESERVED", start_info::TYPE_RESERVED as u64),
    number("XEN_HVM_MEMMAP_TYPE_ACPI", start_info::TYPE_ACPI as u64),
    number("XEN_ELFNOTE_GUEST_OS", elf_note::GUEST_OS as u64),
    number("XEN_ELFNOTE_FEATURES", elf_note::FEATURES as u64),
    number("XEN_ELFNOTE_SUPPORTED_FEATURES", elf_note::SUPPORTED_FEATURES as u64),
    number("XEN_ELFNOTE_PHYS32_ENTRY", elf_note::PHYS32_ENTRY as u64),
    number("XENFEAT_dom0", elf_note::FEATURE_DOM0 as u64),
    number("XENFEAT_linux_rsdp_unrestricted", elf_note::FEATURE_LINUX_RSDP_UNRESTRICTED as u64),
    number("GTF_permit_access", grant_entry::PERMIT_ACCESS as u64),
    number("GNTTAB_RESERVED_CONSOLE", grant_entry::RESERVED_CONSOLE as u64),
    number("GNTTAB_RESERVED_XENSTORE", grant_entry::RESERVED_XENSTORE as u64),
];
