//! Where everything of a PVH domain lies: pure arithmetic, all in guest physical addresses.

use xen_abi::Release;
use xen_abi::hypercall::memory::set_memory_map::{MemoryKind, MemoryMapEntry};
use xen_abi::names::PAGE_SIZE;

use super::acpi::{self, AcpiTables};
use super::start_info;
use crate::loader::kernel::KernelInfo;

/// The least memory of a domain.
pub const MIN_MEMORY_BYTES: u64 = 8 << 20;
/// The most vcpus of an HVM or PVH domain (`HVM_MAX_VCPUS`, public/hvm/hvm_info_table.h).
pub const MAX_VCPUS: u32 = 128;
/// The longest command line, without its terminating zero; Linux reads 2047 bytes of it.
pub const MAX_CMDLINE_BYTES: usize = 4095;
/// The longest stretch of low RAM: above begins the hole of devices, where libxl puts the ACPI tables.
pub const HOLE_START: u64 = 0xfc00_0000;
/// Where RAM goes on above the hole.
pub const HIGH_RAM_START: u64 = 1 << 32;
/// The page of the xenstore ring (libxl's special page 4).
pub const STORE_GFN: u64 = 0xfeffc;
/// The page of the identity page table that Intel CPUs without unrestricted guest need (special page 6).
pub const IDENTITY_TABLE_GFN: u64 = 0xfeffe;
/// The page of the console ring (special page 7).
pub const CONSOLE_GFN: u64 = 0xfefff;
/// The eight special pages are kept from other use, populated or not.
const SPECIAL_PAGES: Span = Span { start: 0xfeff_8000, bytes: 8 * PAGE };
const PAGE: u64 = PAGE_SIZE as u64;
const MIB: u64 = 1 << 20;

/// A range of guest physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl Span {
    /// The first byte after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes)
    }

    /// Whether the other lies within.
    #[must_use]
    pub fn holds(&self, other: &Span) -> bool {
        self.start <= other.start && other.end() <= self.end()
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The kernel's headers.
    pub kernel: &'a KernelInfo,
    /// The initrd's length in bytes, where there is one.
    pub initrd_bytes: Option<u64>,
    /// The command line, without zero bytes.
    pub cmdline: &'a str,
    /// The domain's memory in bytes, a multiple of 4 KiB.
    pub memory_bytes: u64,
    /// How many vcpus, 1 to 128.
    pub vcpus: u32,
    /// What the memory map says of ACPI tables differs between releases.
    pub release: Release,
}

/// Why there is no such domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Kernel, initrd and start record do not fit.
    #[error(
        "memory of {} KiB is too small: kernel and initrd need at least {enough_mib} MiB; give the domain that much and more for its programs",
        memory_bytes / 1024
    )]
    TooSmall {
        /// What was asked for, in bytes.
        memory_bytes: u64,
        /// How much would do, in MiB.
        enough_mib: u64,
    },
    /// No amount of memory would do: all of it has to lie below the hole.
    #[error("kernel and initrd end at {end:#x}, but a PVH start needs them below {HOLE_START:#x}; use a smaller initrd")]
    TooLarge {
        /// Where they would end.
        end: u64,
    },
    /// A number of vcpus that no PVH domain has.
    #[error("{vcpus} vcpus: a PVH domain has 1 to {MAX_VCPUS}")]
    Vcpus {
        /// What was asked for.
        vcpus: u32,
    },
    /// Memory in parts of a page.
    #[error("memory of {memory_bytes} bytes is no multiple of 4 KiB; give whole MiB")]
    Uneven {
        /// What was asked for, in bytes.
        memory_bytes: u64,
    },
    /// Too long a command line.
    #[error("the command line has {bytes} bytes, at most {MAX_CMDLINE_BYTES} are accepted; shorten it")]
    CmdlineTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The command line would end early.
    #[error("the command line has a zero byte at {position}; remove it")]
    CmdlineZero {
        /// Where.
        position: usize,
    },
    /// The kernel would lie on the RSDP that it wants below 1 MiB.
    #[error("the kernel loads over {rsdp:#x}, where it would search the ACPI root; use a kernel that loads at 1 MiB or above")]
    OverRsdp {
        /// Where the RSDP goes.
        rsdp: u64,
    },
}

/// Where everything lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// RAM from 0 up, at most to the hole.
    pub low_ram: Span,
    /// RAM from 4 GiB up, where there is more.
    pub high_ram: Option<Span>,
    /// What the kernel takes, first to last byte.
    pub kernel: Span,
    /// The initrd, page-aligned.
    pub initrd: Option<Span>,
    /// The start record with the command line and tables, page-aligned, within RAM.
    pub start_info: Span,
    /// The ACPI tables, bytes included; their pages are outside RAM.
    pub acpi: AcpiTables,
    /// The memory map: sorted, without overlap.
    pub map: Vec<MemoryMapEntry>,
    /// How many vcpus.
    pub vcpus: u32,
    /// Where vcpu 0 begins.
    pub entry: u32,
}

impl Layout {
    /// Lays a domain out.
    pub fn plan(request: &Request<'_>) -> Result<Layout, LayoutError> {
        check(request)?;
        let acpi = acpi::tables(HOLE_START, request.vcpus, request.kernel.wants_low_rsdp);
        let (low_ram, high_ram) = ram(request.memory_bytes);
        let map = memory_map(low_ram, high_ram, &acpi, &request.release);
        let kernel = kernel_span(request.kernel, &acpi)?;
        let initrd = request.initrd_bytes.map(|bytes| Span { start: page_up(kernel.end()), bytes });
        let start_info = Span {
            start: page_up(initrd.map_or(kernel.end(), |initrd| initrd.end())),
            bytes: start_info::size(request.cmdline, initrd.is_some(), map.len()),
        };
        fits(start_info.end(), low_ram, request.memory_bytes)?;
        Ok(Layout { low_ram, high_ram, kernel, initrd, start_info, acpi, map, vcpus: request.vcpus, entry: request.kernel.entry })
    }

    /// Pages outside RAM that the domain has all the same: the ACPI tables' and the special ones, in ascending order.
    #[must_use]
    pub fn extra_gfns(&self) -> Vec<u64> {
        let tables = self.acpi.span();
        let first = tables.start / PAGE;
        let mut gfns: Vec<u64> = (first..first + tables.bytes.div_ceil(PAGE)).collect();
        gfns.extend([STORE_GFN, IDENTITY_TABLE_GFN, CONSOLE_GFN]);
        gfns
    }

    /// All pages that the domain will have, RAM and others.
    #[must_use]
    pub fn total_pages(&self) -> u64 {
        let ram = self.low_ram.bytes + self.high_ram.map_or(0, |high| high.bytes);
        ram / PAGE + self.extra_gfns().len() as u64
    }
}

fn check(request: &Request<'_>) -> Result<(), LayoutError> {
    let Request { memory_bytes, vcpus, cmdline, .. } = *request;
    if vcpus == 0 || vcpus > MAX_VCPUS {
        return Err(LayoutError::Vcpus { vcpus });
    }
    if !memory_bytes.is_multiple_of(PAGE) {
        return Err(LayoutError::Uneven { memory_bytes });
    }
    if memory_bytes < MIN_MEMORY_BYTES {
        return Err(LayoutError::TooSmall { memory_bytes, enough_mib: MIN_MEMORY_BYTES / MIB });
    }
    if cmdline.len() > MAX_CMDLINE_BYTES {
        return Err(LayoutError::CmdlineTooLong { bytes: cmdline.len() });
    }
    match cmdline.bytes().position(|byte| byte == 0) {
        Some(position) => Err(LayoutError::CmdlineZero { position }),
        None => Ok(()),
    }
}

fn ram(memory_bytes: u64) -> (Span, Option<Span>) {
    let low = memory_bytes.min(HOLE_START);
    let high = memory_bytes - low;
    let high = (high > 0).then_some(Span { start: HIGH_RAM_START, bytes: high });
    (Span { start: 0, bytes: low }, high)
}

fn kernel_span(kernel: &KernelInfo, acpi: &AcpiTables) -> Result<Span, LayoutError> {
    let span = Span { start: kernel.start(), bytes: kernel.end() - kernel.start() };
    let rsdp = acpi.rsdp_address;
    let over =
        |segment: &crate::loader::elf::LoadSegment| segment.paddr < rsdp + acpi::RSDP_BYTES && rsdp < segment.paddr + segment.memory_bytes;
    if kernel.wants_low_rsdp && kernel.segments.iter().any(over) {
        return Err(LayoutError::OverRsdp { rsdp });
    }
    Ok(span)
}

fn fits(end: u64, low_ram: Span, memory_bytes: u64) -> Result<(), LayoutError> {
    if end <= low_ram.end() {
        return Ok(());
    }
    if end > HOLE_START {
        return Err(LayoutError::TooLarge { end });
    }
    Err(LayoutError::TooSmall { memory_bytes, enough_mib: end.div_ceil(MIB) })
}

fn memory_map(low_ram: Span, high_ram: Option<Span>, acpi: &AcpiTables, release: &Release) -> Vec<MemoryMapEntry> {
    let entry = |start, end, kind| MemoryMapEntry { start, length: end - start, kind };
    let tables = MemoryKind::acpi_tables(release);
    let mut map = Vec::new();
    match acpi.low_rsdp_page() {
        // The RSDP's page is cut out of RAM, so that the map never says two things of one address.
        Some(page) => map.extend([
            entry(0, page, MemoryKind::Ram),
            entry(page, page + PAGE, tables),
            entry(page + PAGE, low_ram.end(), MemoryKind::Ram),
        ]),
        None => map.push(entry(0, low_ram.end(), MemoryKind::Ram)),
    }
    let span = acpi.span();
    map.push(entry(span.start, span.start + page_up(span.bytes), tables));
    map.push(entry(SPECIAL_PAGES.start, SPECIAL_PAGES.end(), MemoryKind::Reserved));
    map.extend(high_ram.map(|high| entry(high.start, high.end(), MemoryKind::Ram)));
    map
}

fn page_up(address: u64) -> u64 {
    address.next_multiple_of(PAGE)
}
