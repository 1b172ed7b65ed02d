//! ELF notes by which a kernel describes itself to Xen (public/elfnote.h, 4.14 to 4.22 alike for those used here).

/// The owner name of Xen's notes, without its terminating zero.
pub const OWNER: &[u8] = b"Xen";

/// `XEN_ELFNOTE_GUEST_OS`: the guest's name, `linux`.
pub const GUEST_OS: u32 = 6;
/// `XEN_ELFNOTE_FEATURES`: names joined with `|`, `!` before one that the kernel requires.
pub const FEATURES: u32 = 10;
/// `XEN_ELFNOTE_SUPPORTED_FEATURES`: the supported ones as a bitmap.
pub const SUPPORTED_FEATURES: u32 = 17;
/// `XEN_ELFNOTE_PHYS32_ENTRY`: the physical address where a PVH start enters the kernel, 4 or 8 bytes.
pub const PHYS32_ENTRY: u32 = 18;

/// The bit of `XENFEAT_dom0` (public/features.h).
pub const FEATURE_DOM0: u32 = 11;
/// The bit of `XENFEAT_linux_rsdp_unrestricted` (public/features.h): the kernel finds the RSDP anywhere.
pub const FEATURE_LINUX_RSDP_UNRESTRICTED: u32 = 15;

/// The names that a FEATURES string may use, with their bits (public/features.h). A *required* name outside this list means that no
/// builder knows how to run the kernel.
pub const FEATURE_NAMES: [(&str, u32); 7] = [
    ("writable_page_tables", 0),
    ("writable_descriptor_tables", 1),
    ("auto_translated_physmap", 2),
    ("supervisor_mode_kernel", 3),
    ("pae_pgdir_above_4gb", 4),
    ("hvm_callback_vector", 8),
    ("dom0", FEATURE_DOM0),
];
