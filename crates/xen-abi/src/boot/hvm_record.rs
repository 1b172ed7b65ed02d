//! Records of an HVM save stream, as far as a fresh domain needs them (public/arch-x86/hvm/save.h; measured alike on 4.14, 4.17, 4.20, 4.22).
//!
//! ```text
//!   typecode u16 | instance u16 | length u32 | body ...   HEADER first, one per vcpu of the others, END last
//! ```

use crate::layout::Field;

/// `struct hvm_save_descriptor`, before every record.
pub mod descriptor {
    use super::Field;
    /// Length in bytes.
    pub const SIZE: usize = 8;
    /// Which record.
    pub const TYPECODE: Field = Field::u16(0);
    /// Which vcpu.
    pub const INSTANCE: Field = Field::u16(2);
    /// Length of the body in bytes.
    pub const LENGTH: Field = Field::u32(4);
}

/// The record that ends a stream; no body.
pub const END: u16 = 0;

/// `struct hvm_save_header`: who saved the stream. Xen's own is handed back to it.
pub mod header {
    /// Its typecode.
    pub const CODE: u16 = 1;
    /// Length in bytes.
    pub const SIZE: usize = 24;
}

/// `struct hvm_hw_cpu`: a vcpu's registers. Only the fields that a PVH start sets are named.
pub mod cpu {
    use super::Field;
    /// Its typecode.
    pub const CODE: u16 = 2;
    /// Length in bytes.
    pub const SIZE: usize = 1032;
    /// Where the start record lies.
    pub const RBX: Field = Field::u64(520);
    /// The entry.
    pub const RIP: Field = Field::u64(640);
    /// Control register 0.
    pub const CR0: Field = Field::u64(656);
    /// Debug register 6.
    pub const DR6: Field = Field::u64(720);
    /// Debug register 7.
    pub const DR7: Field = Field::u64(728);
    /// Code segment's limit.
    pub const CS_LIMIT: Field = Field::u32(768);
    /// Data segment's limit.
    pub const DS_LIMIT: Field = Field::u32(772);
    /// Extra segment's limit.
    pub const ES_LIMIT: Field = Field::u32(776);
    /// Stack segment's limit.
    pub const SS_LIMIT: Field = Field::u32(788);
    /// Task register's limit.
    pub const TR_LIMIT: Field = Field::u32(792);
    /// Code segment's attributes.
    pub const CS_ARBYTES: Field = Field::u32(888);
    /// Data segment's attributes.
    pub const DS_ARBYTES: Field = Field::u32(892);
    /// Extra segment's attributes.
    pub const ES_ARBYTES: Field = Field::u32(896);
    /// Stack segment's attributes.
    pub const SS_ARBYTES: Field = Field::u32(908);
    /// Task register's attributes.
    pub const TR_ARBYTES: Field = Field::u32(912);
}

/// `struct hvm_hw_mtrr`: a vcpu's memory types.
pub mod mtrr {
    use super::Field;
    /// Its typecode.
    pub const CODE: u16 = 14;
    /// Length in bytes.
    pub const SIZE: usize = 240;
    /// `MTRRdefType`.
    pub const DEF_TYPE: Field = Field::u64(232);
    /// The value "write-back, enabled" of it.
    pub const DEF_TYPE_WRITE_BACK: u64 = 0x806;
}
