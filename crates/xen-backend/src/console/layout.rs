//! `struct xencons_interface` (public/io/console.h, 4.14 to 4.22; 4.22 adds a byte at 3088 that is zero for the domains we build).

/// Bytes towards the guest: where they begin.
pub const IN: usize = 0;
/// How many there are.
pub const IN_SIZE: u32 = 1024;
/// Bytes from the guest: where they begin.
pub const OUT: usize = 1024;
/// How many there are.
pub const OUT_SIZE: u32 = 2048;
/// The guest's index into the bytes towards it.
pub const IN_CONS: usize = 3072;
/// Our index into the bytes towards the guest.
pub const IN_PROD: usize = 3076;
/// Our index into the bytes from the guest.
pub const OUT_CONS: usize = 3080;
/// The guest's index into the bytes from it.
pub const OUT_PROD: usize = 3084;
/// How much of the page the structure takes.
pub const PAGE_BYTES: usize = 3088;
