//! How much: vcpus and memory, by the bounds that hold on every host.

use xenith_api::latest::domain::memory_to_text;
use xenith_api::latest::{Code, Complaint, DomainConfig};

use super::complaint;

/// `HVM_MAX_VCPUS` (public/hvm/hvm_info_table.h, 4.14 to 4.22).
pub const VCPUS_MAX: u32 = 128;
/// Less than this holds no kernel, its tables and its special pages.
pub const MEMORY_KIB_MIN: u64 = 8 << 10;
/// 16 TiB: what Xen can own, and above what any host of ours has. The host's own size is checked by the plan.
pub const MEMORY_KIB_MAX: u64 = 16 << 30;

pub(super) fn vcpus(config: &DomainConfig) -> Option<Complaint> {
    let count = config.vcpus;
    let fits = (1..=VCPUS_MAX).contains(&count);
    (!fits).then(|| complaint(Code::ConfigOutOfRange, "vcpus", count.to_string(), format!("{count} is outside 1 to {VCPUS_MAX}")))
}

pub(super) fn memory(config: &DomainConfig) -> Option<Complaint> {
    let kib = config.memory_kib;
    let text = memory_to_text(kib);
    let said = |code, message| Some(complaint(code, "memory", text.clone(), message));
    if !(MEMORY_KIB_MIN..=MEMORY_KIB_MAX).contains(&kib) {
        let (least, most) = (memory_to_text(MEMORY_KIB_MIN), memory_to_text(MEMORY_KIB_MAX));
        return said(Code::ConfigOutOfRange, format!("{text} is outside {least} to {most}"));
    }
    if !kib.is_multiple_of(4) {
        return said(Code::ConfigBadValue, format!("{text} is not a multiple of 4KiB, the size of a page"));
    }
    None
}
