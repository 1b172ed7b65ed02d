//! Xen's own log: the console ring, and what Xen writes there while it boots.
//!
//! ```text
//!        first (conringc)                 end (conringp): both run on, and wrap at 2^32
//!   ... | oldest byte ............ newest |          a line more than the ring holds: the oldest bytes are gone
//! ```
//!
//! From xen/drivers/char/console.c: `conring_puts` and `read_console_ring`.

use std::collections::VecDeque;

use xen_abi::Release;

use crate::config::{CpuVendor, MachineConfig};

/// The ring.
#[derive(Debug)]
pub(crate) struct Log {
    bytes: VecDeque<u8>,
    /// The index of the oldest byte.
    first: u32,
    /// How many bytes it holds.
    size: usize,
}

impl Log {
    /// The log of a host that has just booted.
    pub(crate) fn of_boot(release: Release, config: &MachineConfig) -> Log {
        let mut log = Log { bytes: VecDeque::new(), first: 0, size: config.console_ring_bytes };
        boot(release, config).iter().for_each(|line| log.line(line));
        log
    }

    /// A line of Xen's.
    pub(crate) fn line(&mut self, line: &str) {
        self.put(format!("(XEN) {line}\n").as_bytes());
    }

    /// Bytes as somebody said them.
    pub(crate) fn put(&mut self, text: &[u8]) {
        self.bytes.extend(text);
        self.forget(self.bytes.len().saturating_sub(self.size));
    }

    /// Up to `room` bytes, and the index behind them. An index that is not in the ring means its oldest byte.
    pub(crate) fn read(&self, from: Option<u32>, room: usize) -> (Vec<u8>, u32) {
        let skip = from.map_or(0, |from| from.wrapping_sub(self.first) as usize);
        let skip = if skip <= self.bytes.len() { skip } else { 0 };
        let text: Vec<u8> = self.bytes.iter().skip(skip).take(room).copied().collect();
        let next = self.first.wrapping_add((skip + text.len()) as u32);
        (text, next)
    }

    /// Forgets what stands before an index of an earlier read.
    pub(crate) fn clear(&mut self, before: u32) {
        self.forget(before.wrapping_sub(self.first) as usize);
    }

    pub(crate) fn text(&self) -> String {
        let (text, _) = self.read(None, self.bytes.len());
        String::from_utf8_lossy(&text).into_owned()
    }

    fn forget(&mut self, count: usize) {
        let count = count.min(self.bytes.len());
        self.bytes.drain(..count);
        self.first = self.first.wrapping_add(count as u32);
    }
}

/// What a host of this kind says: some of Xen's lines, in their order (`__start_xen`, xen/arch/x86/setup.c).
fn boot(release: Release, config: &MachineConfig) -> Vec<String> {
    let mib = |bytes: u64| bytes >> 20;
    let mut lines = vec![
        format!("Xen version {release}.0-sim (simulator)"),
        "Latest ChangeSet: none: simulated".to_owned(),
        format!("Command line: {}", config.command_line),
        "Xen image load base address: 0xdfa00000".to_owned(),
        "Xen-e820 RAM map:".to_owned(),
        format!(" [0000000000100000, {:016x}] (usable)", config.memory_bytes.saturating_sub(1)),
        format!("System RAM: {}MB ({}kB)", mib(config.memory_bytes), config.memory_bytes >> 10),
        "Domain heap initialised".to_owned(),
    ];
    lines.extend(mitigations(release, config.cpu_vendor).into_iter().map(str::to_owned));
    lines.push("Using scheduler: SMP Credit Scheduler rev2 (credit2)".to_owned());
    lines.push(format!("Detected {}.{:03} MHz processor.", config.cpu_khz / 1000, config.cpu_khz % 1000));
    if config.hap {
        lines.extend(["HVM: ASIDs enabled.", "HVM: Hardware Assisted Paging (HAP) detected"].map(str::to_owned));
    }
    lines.extend([
        format!("Brought up {} CPUs", config.cpus),
        format!("Dom0 has maximum {} VCPUs", config.cpus),
        "Std. Loglevel: Errors and warnings".to_owned(),
        "Guest Loglevel: Nothing (Rate-limited: Errors and warnings)".to_owned(),
    ]);
    lines
}

/// What `print_details` says (xen/arch/x86/spec_ctrl.c). 4.16 put the hints apart from the features.
fn mitigations(release: Release, vendor: CpuVendor) -> Vec<&'static str> {
    let mut lines = vec!["Speculative mitigation facilities:"];
    if release >= Release::V4_16 {
        lines.push("  Hardware hints:");
    }
    lines.extend(match vendor {
        CpuVendor::Amd => ["  Hardware features: IBPB", "  Xen settings: BTI-Thunk LFENCE, SPEC_CTRL: No, Other: BRANCH_HARDEN"],
        CpuVendor::Intel => ["  Hardware features: IBRS/IBPB", "  Xen settings: BTI-Thunk JMP, SPEC_CTRL: IBRS+, Other: BRANCH_HARDEN"],
    });
    lines.extend(["  Support for HVM VMs: RSB EAGER_FPU", "  Support for PV VMs: EAGER_FPU"]);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(size: usize) -> Log {
        Log { bytes: VecDeque::new(), first: u32::MAX - 2, size }
    }

    #[test]
    fn the_oldest_goes_first_and_indices_run_on() {
        let mut log = log(8);
        log.put(b"abcdefgh");
        assert_eq!(log.read(None, 3), (b"abc".to_vec(), 0));
        assert_eq!(log.read(Some(0), 8), (b"defgh".to_vec(), 5));
        assert_eq!(log.read(Some(5), 8), (Vec::new(), 5), "no more yet");
        log.put(b"ijkl");
        assert_eq!(log.read(Some(5), 8), (b"ijkl".to_vec(), 9));
        assert_eq!(log.read(Some(0), 8), (b"efghijkl".to_vec(), 9), "overwritten: from the oldest that is there");
        log.clear(9);
        assert_eq!(log.read(None, 8), (Vec::new(), 9));
    }
}
