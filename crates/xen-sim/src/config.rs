//! What kind of host the simulator is.

use xen_abi::hypercall::sysctl::sched_id;

/// Who made the processors, which decides the CPUID leaves that a toolstack must edit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CpuVendor {
    /// AMD, as in the lab.
    #[default]
    Amd,
    /// Intel.
    Intel,
}

/// A CPU pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuPoolConfig {
    /// Its number.
    pub id: u32,
    /// Its scheduler, as `XEN_SCHEDULER_*`.
    pub scheduler: u32,
    /// Its CPUs.
    pub cpus: Vec<u32>,
}

/// The host. Everything is a plain value, so that a scenario prints what it ran on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineConfig {
    /// All of the host's memory, in bytes.
    pub memory_bytes: u64,
    /// What dom0 has, in bytes.
    pub dom0_memory_bytes: u64,
    /// What Xen itself keeps, in bytes.
    pub xen_memory_bytes: u64,
    /// Processors, each a core of its own in one socket.
    pub cpus: u32,
    /// Their speed, in kHz.
    pub cpu_khz: u32,
    /// The CPU pools; what they leave over is in none. Where there are none here, pool 0 has every CPU.
    pub cpupools: Vec<CpuPoolConfig>,
    /// Who made them.
    pub cpu_vendor: CpuVendor,
    /// Hardware assisted paging. Without it (and without shadow paging) no PVH or HVM domain can be created.
    pub hap: bool,
    /// Shadow paging, which current builds lack.
    pub shadow: bool,
    /// An IOMMU.
    pub iommu: bool,
    /// The highest grant table version that Xen offers: 1 or 2.
    pub grant_version_max: u32,
    /// How many contiguous 1 GiB extents the host has; no limit but memory where absent.
    pub extents_1gib: Option<u64>,
    /// How many contiguous 2 MiB extents the host has; no limit but memory where absent.
    pub extents_2mib: Option<u64>,
    /// Pages that Xen keeps for good when the first domain of a boot dies; about two on real Xen, so a check for leftovers needs a warm-up there.
    pub first_death_pages: u64,
    /// How much of its own log Xen keeps, in bytes.
    pub console_ring_bytes: usize,
    /// Xen's command line.
    pub command_line: String,
    /// The seed of everything random: faults drawn at random, and nothing else so far.
    pub seed: u64,
}

impl Default for MachineConfig {
    /// 4 GiB, two processors, HAP: the lab's machine.
    fn default() -> MachineConfig {
        MachineConfig {
            memory_bytes: 4 << 30,
            dom0_memory_bytes: 512 << 20,
            xen_memory_bytes: 64 << 20,
            cpus: 2,
            cpu_khz: 2_000_000,
            cpupools: Vec::new(),
            cpu_vendor: CpuVendor::Amd,
            hap: true,
            shadow: false,
            iommu: false,
            grant_version_max: 2,
            extents_1gib: None,
            extents_2mib: None,
            first_death_pages: 0,
            // _CONRING_SIZE (xen/drivers/char/console.c).
            console_ring_bytes: 16 << 10,
            command_line: "placeholder dom0_mem=512M".to_owned(),
            seed: 0,
        }
    }
}

impl MachineConfig {
    /// The CPU pools, by number.
    pub(crate) fn pools(&self) -> Vec<CpuPoolConfig> {
        if self.cpupools.is_empty() {
            return vec![CpuPoolConfig { id: 0, scheduler: sched_id::CREDIT2, cpus: (0..self.cpus).collect() }];
        }
        let mut pools = self.cpupools.clone();
        pools.sort_by_key(|pool| pool.id);
        pools
    }
}
