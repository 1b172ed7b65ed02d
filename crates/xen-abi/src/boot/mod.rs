//! What a new x86 domain finds when it starts, and what its kernel says of itself beforehand.
//!
//! ```text
//!   elf_note    the kernel's own words: where a PVH start enters it
//!   start_info  the record that ebx points at: modules, command line, ACPI, memory map
//!   hvm_record  the registers of vcpu 0, as records of an HVM save stream
//!   grant_entry the two grants that a domain is born with: console and xenstore rings
//! ```

pub mod elf_note;
pub mod grant_entry;
pub mod hvm_record;
pub mod start_info;
