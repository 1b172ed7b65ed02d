//! What Xen does against leaks by speculation, as it says itself: lines of its boot that no call tells.
//!
//! ```text
//!   (XEN) Speculative mitigation facilities:           print_details, xen/arch/x86/spec_ctrl.c
//!   (XEN)   Hardware hints: RDCL_NO                    two blanks: part of it
//!   (XEN)   Xen settings: BTI-Thunk JMP, ...
//!   (XEN) Using scheduler: ...                         no blanks: something else
//! ```

/// Why nothing can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untold {
    /// The log begins after the boot.
    RolledOver,
    /// The boot is there, and says nothing.
    Unsaid,
}

impl Untold {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Untold::RolledOver => "Xen's log does not go back to the boot any more; Xen's option conring_size= keeps more of it",
            Untold::Unsaid => "Xen's log of the boot tells none",
        }
    }
}

const BEGINS: &str = "Speculative mitigation facilities:";
const PART: &str = "  ";
/// Printed before them at every boot (xen/drivers/char/console.c, from 4.21 on xen/common/version.c).
const BANNER: &str = "Xen version ";

/// The lines, without Xen's mark and blanks.
pub(crate) fn of_log(log: &[u8]) -> Result<Vec<String>, Untold> {
    let log = String::from_utf8_lossy(log);
    let lines: Vec<&str> = log.lines().map(said).collect();
    match lines.iter().position(|line| *line == BEGINS) {
        Some(at) => {
            let parts = lines.iter().skip(at + 1).map_while(|line| line.strip_prefix(PART));
            Ok(parts.map(|line| line.trim().to_owned()).collect())
        }
        None if lines.iter().any(|line| line.starts_with(BANNER)) => Err(Untold::Unsaid),
        None => Err(Untold::RolledOver),
    }
}

/// A line without `(XEN) ` and the time that `console_timestamps=` puts behind it: `[    1.234567] `, `[2026-01-31 10:00:00] `.
fn said(line: &str) -> &str {
    let line = line.strip_prefix("(XEN) ").unwrap_or(line).trim_end();
    line.strip_prefix('[').and_then(|line| line.split_once("] ")).map_or(line, |(_, said)| said)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the form of Xen 4.17.
    const BOOT: &str = "\
(XEN) Xen version 4.17.5 (Debian 4.17.5-1) debug=n
(XEN)  [0000000000100000, 00000000bffdffff] (usable)
(XEN) Speculative mitigation facilities:
(XEN)   Hardware hints:
(XEN)   Hardware features:
(XEN)   Xen settings: BTI-Thunk RETPOLINE, SPEC_CTRL: No, Other: BRANCH_HARDEN
(XEN)   PV L1TF shadowing: Dom0 disabled, DomU disabled
(XEN) Using scheduler: SMP Credit Scheduler rev2 (credit2)
(XEN)   not of it
";
    const LINES: [&str; 4] = [
        "Hardware hints:",
        "Hardware features:",
        "Xen settings: BTI-Thunk RETPOLINE, SPEC_CTRL: No, Other: BRANCH_HARDEN",
        "PV L1TF shadowing: Dom0 disabled, DomU disabled",
    ];

    #[test]
    fn the_lines_of_the_block_and_no_others() {
        let (head, tail) = BOOT.split_at(BOOT.find("(XEN)   Xen settings").unwrap());
        let from = BOOT.find("(XEN) Spec").unwrap();
        let table = [
            (BOOT.to_owned(), Ok(LINES.as_slice())),
            (BOOT.replace('\n', "\r\n"), Ok(&LINES)),
            (BOOT.replace("(XEN) ", "(XEN) [    1.234567] "), Ok(&LINES)),
            (BOOT.replace("(XEN) ", "(XEN) [2026-01-31 10:00:00.123] "), Ok(&LINES)),
            (BOOT[from..].to_owned(), Ok(&LINES)),
            (BOOT[from + 9..].to_owned(), Err(Untold::RolledOver)),
            (head.to_owned(), Ok(&LINES[..2])),
            (tail.to_owned(), Err(Untold::RolledOver)),
            (String::new(), Err(Untold::RolledOver)),
            (BOOT.replace("Speculative", "Other"), Err(Untold::Unsaid)),
        ];
        for (log, expected) in table {
            let expected = expected.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
            assert_eq!(of_log(log.as_bytes()), expected, "{log}");
        }
        assert_eq!(of_log(b"\xff\xfe"), Err(Untold::RolledOver));
    }
}
