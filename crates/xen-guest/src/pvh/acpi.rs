//! ACPI tables: just enough that an operating system finds its CPUs.
//!
//! ```text
//!   RSDP --> XSDT --> FADT --> DSDT   one processor device per vcpu
//!      \--> RSDT --/  |   \--> FACS
//!           both ---> MADT            one local APIC per vcpu
//! ```
//!
//! No I/O APIC, HPET or PM timer: a PVH domain has none. Register addresses in the FADT are those of Xen's other HVM domains (V1 of
//! public/hvm/ioreq.h), since ACPI insists on some unless it is hardware-reduced; nobody answers there.

use acpi_tables::Aml;
use acpi_tables::aml::{Device, Name, Path, Scope};
use acpi_tables::facs::FACS;
use acpi_tables::fadt::{FADTBuilder, Flags};
use acpi_tables::gas::{AccessSize, AddressSpace, GAS};
use acpi_tables::madt::{EnabledStatus, LocalInterruptController, MADT, ProcessorLocalApic};
use acpi_tables::sdt::Sdt;
use acpi_tables::xsdt::XSDT;
use xen_abi::names::PAGE_SIZE;

use super::layout::Span;

/// Length of the RSDP of ACPI 2 and later.
pub const RSDP_BYTES: u64 = 36;
/// Where a Linux that searches for its RSDP finds it: the last 64 bytes below 1 MiB.
const LOW_RSDP: u64 = 0x10_0000 - 64;
/// Where every local APIC answers.
const LAPIC_BASE: u32 = 0xfee0_0000;
const OEM_ID: [u8; 6] = *b"Xen\0\0\0";
const OEM_TABLE: [u8; 8] = *b"Xenith\0\0";
const OEM_REVISION: u32 = 1;
const SCI_INTERRUPT: u16 = 9;
/// `iapc_boot_arch`: no VGA (bit 2) and no CMOS clock (bit 5); without bit 1 there is no 8042 either.
const BOOT_ARCH: u16 = 1 << 2 | 1 << 5;
/// What a CPU state's latency says when the state is not supported.
const NO_CSTATE: u16 = 0x0fff;

/// The tables, ready to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcpiTables {
    /// Where the tables go, page-aligned.
    pub address: u64,
    /// All tables; with the RSDP, unless that goes elsewhere.
    pub bytes: Vec<u8>,
    /// Where the RSDP lies.
    pub rsdp_address: u64,
    /// The RSDP's bytes, where it goes below 1 MiB.
    pub low_rsdp: Option<Vec<u8>>,
}

impl AcpiTables {
    /// What the tables take, without a low RSDP.
    #[must_use]
    pub fn span(&self) -> Span {
        Span { start: self.address, bytes: self.bytes.len() as u64 }
    }

    /// The address of the page of RAM that a low RSDP takes.
    #[must_use]
    pub fn low_rsdp_page(&self) -> Option<u64> {
        self.low_rsdp.as_ref().map(|_| LOW_RSDP - LOW_RSDP % PAGE_SIZE as u64)
    }
}

/// The id of a vcpu's local APIC, the same in every release (xen/arch/x86/hvm/vlapic.c): with 128 vcpus at most 254, so no x2APIC entries.
#[must_use]
pub fn apic_id(vcpu: u32) -> u32 {
    vcpu * 2
}

/// Builds the tables for an address below 4 GiB.
#[must_use]
pub fn tables(address: u64, vcpus: u32, low_rsdp: bool) -> AcpiTables {
    let mut blob = Blob { address, bytes: Vec::new() };
    let dsdt = blob.put(dsdt(vcpus).as_slice());
    let facs = blob.put(&bytes_of(&FACS::new()));
    let fadt = blob.put(&bytes_of(&fadt(dsdt, facs)));
    let madt = blob.put(&bytes_of(&madt(vcpus)));
    let rsdt = blob.put(rsdt(&[fadt, madt]).as_slice());
    let mut xsdt = XSDT::new(OEM_ID, OEM_TABLE, OEM_REVISION);
    xsdt.add_entry(fadt);
    xsdt.add_entry(madt);
    let xsdt = blob.put(&bytes_of(&xsdt));
    let rsdp = rsdp(rsdt, xsdt);
    if low_rsdp {
        return AcpiTables { address, bytes: blob.bytes, rsdp_address: LOW_RSDP, low_rsdp: Some(rsdp) };
    }
    let rsdp_address = blob.put(&rsdp);
    AcpiTables { address, bytes: blob.bytes, rsdp_address, low_rsdp: None }
}

struct Blob {
    address: u64,
    bytes: Vec<u8>,
}

impl Blob {
    /// Appends a table at the next 64 bytes, which the FACS needs, and gives its address.
    fn put(&mut self, table: &[u8]) -> u64 {
        let offset = self.bytes.len().next_multiple_of(64);
        self.bytes.resize(offset, 0);
        self.bytes.extend_from_slice(table);
        self.address + offset as u64
    }
}

fn bytes_of(table: &dyn Aml) -> Vec<u8> {
    let mut bytes = Vec::new();
    table.to_aml_bytes(&mut bytes);
    bytes
}

/// One device per vcpu, by the number that its MADT entry has.
fn dsdt(vcpus: u32) -> Sdt {
    let names: Vec<(Name, Name)> =
        (0..vcpus).map(|vcpu| (Name::new(Path::new("_HID"), &"ACPI0007"), Name::new(Path::new("_UID"), &vcpu))).collect();
    let devices: Vec<Device<'_>> =
        names.iter().zip(0u32..).map(|((hid, uid), vcpu)| Device::new(Path::new(&format!("C{vcpu:03X}")), vec![hid, uid])).collect();
    let children = devices.iter().map(|device| device as &dyn Aml).collect();
    let mut dsdt = Sdt::new(*b"DSDT", 36, 2, OEM_ID, OEM_TABLE, OEM_REVISION);
    dsdt.append_slice(&bytes_of(&Scope::new(Path::new("\\_SB_"), children)));
    dsdt
}

fn fadt(dsdt: u64, facs: u64) -> acpi_tables::fadt::FADT {
    let port = |bits, address| GAS::new(AddressSpace::SystemIo, bits, 0, AccessSize::Undefined, address);
    let mut fadt = FADTBuilder::new(OEM_ID, OEM_TABLE, OEM_REVISION)
        .flag(Flags::Wbinvd)
        .flag(Flags::ProcC1)
        .flag(Flags::PwrButton)
        .flag(Flags::SlpButton)
        .flag(Flags::FixRtc);
    // The tables lie below 4 GiB, so the narrow fields say the same as the wide ones.
    fadt.dsdt = (dsdt as u32).into();
    fadt.x_dsdt = dsdt.into();
    fadt.firmware_ctrl = (facs as u32).into();
    fadt.x_firmware_ctrl = facs.into();
    fadt.sci_int = SCI_INTERRUPT.into();
    fadt.pm1a_evt_blk = 0xb000.into();
    fadt.pm1_evt_len = 4;
    fadt.x_pm1a_evt_blk = port(32, 0xb000);
    fadt.pm1a_cnt_blk = 0xb004.into();
    fadt.pm1_cnt_len = 2;
    fadt.x_pm1a_cnt_blk = port(16, 0xb004);
    fadt.gpe0_blk = 0xafe0.into();
    fadt.gpe0_blk_len = 4;
    fadt.p_lvl2_lat = NO_CSTATE.into();
    fadt.p_lvl3_lat = NO_CSTATE.into();
    fadt.iapc_boot_arch = BOOT_ARCH.into();
    fadt.reset_reg = port(8, 0xcf9);
    fadt.reset_value = 6;
    fadt.finalize()
}

fn madt(vcpus: u32) -> MADT {
    let mut madt = MADT::new(OEM_ID, OEM_TABLE, OEM_REVISION, LocalInterruptController::Address(LAPIC_BASE));
    for vcpu in 0..vcpus {
        // Both fit a byte: a layout has at most 128 vcpus.
        madt.add_structure(ProcessorLocalApic::new(vcpu as u8, apic_id(vcpu) as u8, EnabledStatus::Enabled));
    }
    madt
}

fn rsdt(tables: &[u64]) -> Sdt {
    let mut rsdt = Sdt::new(*b"RSDT", 36, 1, OEM_ID, OEM_TABLE, OEM_REVISION);
    for table in tables {
        rsdt.append_slice(&(*table as u32).to_le_bytes());
    }
    rsdt
}

/// The crate's RSDP leaves the RSDT out, so this one is our own (ACPI 6.5, table 5.3).
fn rsdp(rsdt: u64, xsdt: u64) -> Vec<u8> {
    let mut rsdp = Vec::with_capacity(RSDP_BYTES as usize);
    rsdp.extend_from_slice(b"RSD PTR ");
    rsdp.push(0);
    rsdp.extend_from_slice(&OEM_ID);
    rsdp.push(2);
    rsdp.extend_from_slice(&(rsdt as u32).to_le_bytes());
    rsdp.extend_from_slice(&(RSDP_BYTES as u32).to_le_bytes());
    rsdp.extend_from_slice(&xsdt.to_le_bytes());
    rsdp.extend_from_slice(&[0; 4]);
    // The first checksum is over the first 20 bytes, the second over all of them.
    for (at, covered) in [(8, 20), (32, RSDP_BYTES as usize)] {
        let sum = rsdp.iter().take(covered).fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        if let Some(checksum) = rsdp.get_mut(at) {
            *checksum = sum.wrapping_neg();
        }
    }
    rsdp
}
