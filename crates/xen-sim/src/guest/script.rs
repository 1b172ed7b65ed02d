//! The scripts, and how a scenario picks one.
//!
//! ```text
//!   cmdline "sim.script=flood sim.flood_bytes=65536"  >  Machine::script_for_kernel(bytes at entry)  >  well-behaved
//! ```

use crate::life::SHUTDOWN_CRASH;

/// What a guest does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Script {
    /// Boots, talks to store and console, obeys its shutdown node.
    #[default]
    WellBehaved,
    /// Powers off once its handshake is through (and `sim.after_ms` have passed).
    Poweroff,
    /// Reboots then.
    Reboot,
    /// Crashes then.
    Crash,
    /// Lets its watchdog run out then.
    Watchdog,
    /// Starts another kernel then.
    SoftReset,
    /// Halts at its entry: looks at nothing, says nothing, and is there.
    Halt,
    /// Writes `sim.flood_bytes` bytes (without end where not given) to its console as fast as the ring takes them.
    Flood,
    /// Boots, and ignores its shutdown node.
    Deaf,
    /// As well-behaved, with every vcpu running all the time.
    Busy,
    /// Puts impossible indices into its console ring.
    HostileConsole,
    /// Puts impossible indices into its store ring.
    HostileStore,
}

/// Names on the command line, with their scripts.
const NAMES: [(&str, Script); 12] = [
    ("well-behaved", Script::WellBehaved),
    ("poweroff-after-boot", Script::Poweroff),
    ("reboot-after-boot", Script::Reboot),
    ("crash-after-boot", Script::Crash),
    ("watchdog-after-boot", Script::Watchdog),
    ("soft-reset-after-boot", Script::SoftReset),
    ("halt", Script::Halt),
    ("flood", Script::Flood),
    ("deaf", Script::Deaf),
    ("busy", Script::Busy),
    ("hostile-console", Script::HostileConsole),
    ("hostile-store", Script::HostileStore),
];

impl Script {
    /// The script of a name, as the command line gives it: `poweroff-after-boot`.
    #[must_use]
    pub fn named(name: &str) -> Option<Script> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, script)| *script)
    }

    /// The reason of the shutdown that the script ends in.
    pub(super) fn ends_with(self) -> Option<u8> {
        match self {
            Script::Poweroff => Some(0),
            Script::Reboot => Some(1),
            Script::Crash => Some(SHUTDOWN_CRASH),
            Script::Watchdog => Some(SHUTDOWN_WATCHDOG),
            Script::SoftReset => Some(SHUTDOWN_SOFT_RESET),
            _ => None,
        }
    }
}

/// `SHUTDOWN_watchdog` (public/sched.h).
const SHUTDOWN_WATCHDOG: u8 = 4;
/// `SHUTDOWN_soft_reset` (public/sched.h).
const SHUTDOWN_SOFT_RESET: u8 = 5;

/// The reason (public/sched.h) that a word of the shutdown node, or a command on the console, asks for.
pub(super) fn shutdown_reason(word: &str) -> Option<u8> {
    match word {
        "poweroff" | "halt" => Some(0),
        "reboot" => Some(1),
        "crash" => Some(SHUTDOWN_CRASH),
        _ => None,
    }
}

/// A script and its numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(super) script: Script,
    pub(super) after_ns: u64,
    pub(super) flood_bytes: u64,
}

/// Scripts by what the kernel begins with.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    by_entry: Vec<(Vec<u8>, Script)>,
}

impl Scripts {
    pub(crate) fn for_kernel(&mut self, entry: &[u8], script: Script) {
        self.by_entry.retain(|(known, _)| known != entry);
        self.by_entry.push((entry.to_vec(), script));
    }

    pub(super) fn pick(&self, cmdline: &str, entry: &[u8]) -> Settings {
        let word = |key: &str| {
            cmdline.split_whitespace().filter_map(|word| word.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let number = |key: &str| word(key).and_then(|value| value.parse::<u64>().ok());
        let of_kernel = || self.by_entry.iter().find(|(known, _)| entry.starts_with(known)).map(|(_, script)| *script);
        Settings {
            script: word("sim.script").and_then(Script::named).or_else(of_kernel).unwrap_or_default(),
            after_ns: number("sim.after_ms").unwrap_or(0).saturating_mul(1_000_000),
            flood_bytes: number("sim.flood_bytes").unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_goes_first() {
        let mut scripts = Scripts::default();
        scripts.for_kernel(&[0xf4], Script::Halt);
        let table = [
            ("", &[0x90][..], Script::WellBehaved),
            ("quiet", &[0xf4, 0xeb], Script::Halt),
            ("sim.script=deaf", &[0xf4], Script::Deaf),
            ("a=b sim.script=reboot-after-boot c", &[], Script::Reboot),
            ("sim.script=nonsense", &[0xf4], Script::Halt),
        ];
        for (cmdline, entry, expected) in table {
            assert_eq!(scripts.pick(cmdline, entry).script, expected, "{cmdline}");
        }
        let flood = scripts.pick("sim.script=flood sim.flood_bytes=70000 sim.after_ms=2", &[]);
        assert_eq!((flood.script, flood.flood_bytes, flood.after_ns), (Script::Flood, 70_000, 2_000_000));
    }
}
