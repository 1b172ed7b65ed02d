//! A PVH domain: a pure layout, then its effects.
//!
//! ```text
//!   KernelInfo, initrd length, command line, memory, vcpus, release
//!        |
//!     layout ---> ram, kernel, initrd, start record, ACPI tables, special pages, memory map    (or: too small, N MiB would do)
//!        |            |            |           |
//!     build        populate      load     acpi, start_info, vcpu, topology: the bytes
//! ```
//!
//! Guest physical addresses, as libxl has had them since 4.11:
//!
//! ```text
//!   0            RAM: kernel where it wants to be, then initrd, then the start record
//!   0xFC000000   hole: ACPI tables (RSDP at 0xFFFC0 for Linux)
//!   0xFEFFC000   xenstore ring   0xFEFFE000 identity page table   0xFEFFF000 console ring
//!   4 GiB        RAM that does not fit below the hole
//! ```

pub mod acpi;
pub mod build;
pub mod layout;
pub mod start_info;
pub mod topology;
pub mod vcpu;
