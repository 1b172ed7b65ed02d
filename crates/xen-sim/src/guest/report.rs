//! What a scripted guest saw and did, for a test to look at.

use xen_abi::DomId;

use super::script::{Script, Settings};
use super::start::Start;

/// A module (initrd) as the guest found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSeen {
    /// Where it lies.
    pub paddr: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its first bytes, at most 16.
    pub head: Vec<u8>,
    /// FNV-1a over all of its bytes, to compare with the file: see [`ModuleSeen::digest_of`].
    pub digest: u64,
}

impl ModuleSeen {
    /// The digest that a module with these bytes has.
    #[must_use]
    pub fn digest_of(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
    }
}

/// What a guest saw and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestReport {
    /// The script that it ran.
    pub script: Script,
    /// What was wrong with its start: empty for a good one. A guest with a bad start crashes.
    pub problems: Vec<String>,
    /// The command line that it found.
    pub cmdline: String,
    /// Vcpus that it brought up.
    pub vcpus: u32,
    /// RAM in its memory map, in bytes.
    pub ram_bytes: u64,
    /// The modules that it found.
    pub modules: Vec<ModuleSeen>,
    /// Whether its store handshake is through.
    pub ready: bool,
    /// Bytes that it put into its console ring.
    pub console_written: u64,
    /// What it read from its console ring.
    pub console_read: Vec<u8>,
    /// Requests to the store and their answers, as `READ name = d5`.
    pub store_answers: Vec<String>,
    /// Words that it found in its shutdown node.
    pub shutdown_requests: Vec<String>,
}

impl GuestReport {
    pub(super) fn of(settings: &Settings, start: &Start) -> GuestReport {
        GuestReport {
            script: settings.script,
            problems: start.problems.clone(),
            cmdline: start.cmdline.clone(),
            vcpus: start.vcpus,
            ram_bytes: start.ram_bytes,
            modules: start.modules.clone(),
            ready: false,
            console_written: 0,
            console_read: Vec::new(),
            store_answers: Vec::new(),
            shutdown_requests: Vec::new(),
        }
    }

    pub(super) fn crashed(&self) -> bool {
        !self.problems.is_empty()
    }

    /// The first line on the console.
    pub(super) fn hello(&self, domid: DomId, start: &Start) -> String {
        let mib = self.ram_bytes >> 20;
        format!("hello from {domid}: {} vcpus online, {mib} MiB, {} modules, cmdline: {}\n", self.vcpus, start.modules.len(), self.cmdline)
    }
}
