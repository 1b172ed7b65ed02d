//! The start record that ebx points at, with everything it points at in one piece.
//!
//! ```text
//!   record 56 | command line, zero, to 8 bytes | module 32, with an initrd | memory map, 24 each
//! ```

use xen_abi::boot::start_info::{MAGIC, VERSION, memmap, module, record};
use xen_abi::layout::OutOfRecord;

use super::layout::Layout;

/// Length of the piece in bytes.
#[must_use]
pub fn size(cmdline: &str, initrd: bool, map_entries: usize) -> u64 {
    let parts = Parts::new(cmdline, initrd);
    (parts.map_at + map_entries * memmap::SIZE) as u64
}

/// Offsets within the piece.
struct Parts {
    cmdline_at: usize,
    module_at: usize,
    map_at: usize,
}

impl Parts {
    fn new(cmdline: &str, initrd: bool) -> Parts {
        let cmdline_at = record::SIZE;
        let module_at = (cmdline_at + cmdline.len() + 1).next_multiple_of(8);
        Parts { cmdline_at, module_at, map_at: module_at + if initrd { module::SIZE } else { 0 } }
    }
}

/// The bytes for a layout, which was planned with the same command line.
pub fn encode(layout: &Layout, cmdline: &str) -> Result<Vec<u8>, OutOfRecord> {
    let parts = Parts::new(cmdline, layout.initrd.is_some());
    let mut bytes = vec![0; parts.map_at + layout.map.len() * memmap::SIZE];
    let address = |offset: usize| layout.start_info.start + offset as u64;
    record::MAGIC.put(&mut bytes, MAGIC.into())?;
    record::VERSION.put(&mut bytes, VERSION.into())?;
    record::CMDLINE_PADDR.put(&mut bytes, address(parts.cmdline_at))?;
    record::RSDP_PADDR.put(&mut bytes, layout.acpi.rsdp_address)?;
    record::MEMMAP_PADDR.put(&mut bytes, address(parts.map_at))?;
    record::MEMMAP_ENTRIES.put(&mut bytes, layout.map.len() as u64)?;
    xen_abi::layout::put_bytes(&mut bytes, parts.cmdline_at, cmdline.as_bytes())?;
    if let Some(initrd) = layout.initrd {
        record::NR_MODULES.put(&mut bytes, 1)?;
        record::MODLIST_PADDR.put(&mut bytes, address(parts.module_at))?;
        module::PADDR.at(parts.module_at).put(&mut bytes, initrd.start)?;
        module::BYTES.at(parts.module_at).put(&mut bytes, initrd.bytes)?;
    }
    for (index, entry) in layout.map.iter().enumerate() {
        let at = parts.map_at + index * memmap::SIZE;
        memmap::ADDR.at(at).put(&mut bytes, entry.start)?;
        memmap::BYTES.at(at).put(&mut bytes, entry.length)?;
        memmap::TYPE.at(at).put(&mut bytes, entry.kind.code().into())?;
    }
    Ok(bytes)
}
