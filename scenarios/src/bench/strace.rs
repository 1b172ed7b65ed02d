//! Counts what a stock tool asks of Xen and of the store, from what strace saw of its system calls.
//!
//! ```text
//!   ioctl  on privcmd   IOCTL_PRIVCMD_HYPERCALL -> a hypercall; stock tools put one entry into a multicall
//!                       MMAP*, MMAPBATCH*, MMAP_RESOURCE -> a mapping
//!   writes to the store's socket -> messages of 16 bytes of head and a body, however they are cut into writes
//! ```
//!
//! Stock tools wait for the answer to every request, so their waits are their requests.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xenith_api::latest::Cost;

/// Where strace writes.
const OUTPUT: &str = "/tmp/strace.out";
/// Follow children; show every byte, as numbers; tell sockets apart; show requests of ioctls as numbers.
const OPTIONS: &[&str] = &["-f", "-y", "-xx", "-s", "65536", "-e", "signal=none", "-e", "raw=ioctl", "-o", OUTPUT, "-e"];
const CALLS: &str = "trace=ioctl,connect,write,writev,sendto,sendmsg";

/// Runs a command under strace and counts.
pub fn count(words: &[&str]) -> Result<Cost> {
    let mut command = Command::new("strace");
    command.args(OPTIONS).arg(CALLS).args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().context("strace")?;
    ensure!(status.success(), "strace {}: {status}", words.join(" "));
    let text = fs::read_to_string(OUTPUT).with_context(|| format!("read {OUTPUT}"))?;
    Ok(cost(&text))
}

/// Numbers of include/uapi/xen/privcmd.h (Linux 6.1): group `P`, with the structure's size in the upper half.
const HYPERCALL: u64 = 0x30_5000;
const MAPPINGS: [u64; 4] = [0x10_5002, 0x20_5003, 0x20_5004, 0x20_5007];

fn cost(text: &str) -> Cost {
    let mut cost = Cost::default();
    let mut store: HashMap<String, Vec<u8>> = HashMap::new();
    for line in text.lines() {
        let Some((call, arguments)) = call(line) else { continue };
        let socket = arguments.split(',').next().unwrap_or_default();
        match call {
            "ioctl" => match number(arguments) {
                Some(HYPERCALL) => cost.hypercalls += 1,
                Some(request) if MAPPINGS.contains(&request) => cost.mappings += 1,
                _ => {}
            },
            "connect" if String::from_utf8_lossy(&bytes(arguments)).contains("xenstored/socket") => {
                store.insert(socket.to_owned(), Vec::new());
            }
            _ => {
                if let Some(sent) = store.get_mut(socket) {
                    sent.extend(bytes(arguments));
                    cost.store_requests += take_messages(sent);
                }
            }
        }
    }
    Cost { traps: cost.hypercalls, store_waits: cost.store_requests, ..cost }
}

/// `PID name(arguments...`; the second half of a call that was interrupted has no name of its own.
fn call(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ' ');
    let (name, arguments) = line.split_once('(')?;
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).then_some((name, arguments))
}

/// The request of an ioctl.
fn number(arguments: &str) -> Option<u64> {
    let text = arguments.split(',').nth(1)?.trim().strip_prefix("0x")?;
    u64::from_str_radix(text.trim_end_matches(')'), 16).ok()
}

/// All bytes between quotes, written `\x2f`.
fn bytes(arguments: &str) -> Vec<u8> {
    let quoted = arguments.split('"').skip(1).step_by(2);
    quoted.flat_map(|text| text.split("\\x").skip(1)).filter_map(|digits| u8::from_str_radix(digits.get(..2)?, 16).ok()).collect()
}

/// Takes whole messages off the front (public/io/xs_wire.h: four words, the last of them the body's length).
fn take_messages(sent: &mut Vec<u8>) -> u64 {
    let mut messages = 0;
    loop {
        let length = sent.get(12..16).and_then(|word| word.first_chunk()).map(|word| u32::from_le_bytes(*word));
        let Some(end) = length.and_then(|length| usize::try_from(length).ok()?.checked_add(16)).filter(|end| *end <= sent.len()) else {
            return messages;
        };
        sent.drain(..end);
        messages += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_and_messages_put_together() {
        let socket = r#""\x2f\x78\x65\x6e\x73\x74\x6f\x72\x65\x64\x2f\x73\x6f\x63\x6b\x65\x74""#;
        let head = r#"\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00"#;
        let text = [
            format!("10 connect(5<socket:[7]>, {{sa_family=AF_UNIX, sun_path={socket}}}, 110) = 0"),
            format!("10 write(5<socket:[7]>, \"{head}\", 16) = 16"),
            r#"11 write(5<socket:[7]>, "\x61\x00", 2 <unfinished ...>"#.to_owned(),
            "11 <... write resumed>) = 2".to_owned(),
            format!("10 writev(5<socket:[7]>, [{{iov_base=\"{head}\", iov_len=16}}, {{iov_base=\"\\x61\\x00\", iov_len=2}}], 2) = 18"),
            format!("10 write(6<socket:[8]>, \"{head}\\x61\\x00\", 18) = 18"),
            "10 ioctl(0x8, 0x305000, 0x7ffd0) = 0".to_owned(),
            "10 ioctl(0x8, 0x305000, 0x7ffd0) = -1 (errno 1)".to_owned(),
            "10 ioctl(0x8, 0x205004, 0x7ffd0 <unfinished ...>".to_owned(),
            "10 ioctl(0x8, 0x205007, 0x7ffd0) = 0".to_owned(),
            "10 ioctl(0x1, 0x5401, 0x7ffd0) = -1 (errno 25)".to_owned(),
            "10 +++ exited with 0 +++".to_owned(),
        ];
        let expected = Cost { hypercalls: 2, traps: 2, mappings: 2, mapped_frames: 0, store_requests: 2, store_waits: 2 };
        assert_eq!(cost(&text.join("\n")), expected);
    }
}
