//! An entry of a grant table as the builder seeds it (`struct grant_entry_v1`, public/grant_table.h, 4.14 to 4.22 alike).
//!
//! A new domain's table has version 1 until its kernel asks for another.

use crate::layout::Field;

/// Length of an entry in bytes; entry n of the table's first frame is at n times this.
pub const SIZE: usize = 8;
/// `GTF_*`: what may be done.
pub const FLAGS: Field = Field::u16(0);
/// By which domain.
pub const DOMID: Field = Field::u16(2);
/// With which of the granter's frames.
pub const FRAME: Field = Field::u32(4);
/// `GTF_permit_access`: the frame may be mapped and written.
pub const PERMIT_ACCESS: u16 = 1;
/// `GNTTAB_RESERVED_CONSOLE`: the entry that the builder fills with the console ring.
pub const RESERVED_CONSOLE: usize = 0;
/// `GNTTAB_RESERVED_XENSTORE`: the entry that the builder fills with the xenstore ring.
pub const RESERVED_XENSTORE: usize = 1;
