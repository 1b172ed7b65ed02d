//! Stopwatches: a command from its start to its end, a request from its first byte to the answer's last.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

/// Where a create is asked for, and waited for however long it takes.
pub const CREATE: &str = "/v1/domains?wait=600";

/// Where a destroy is asked for, and waited for.
pub fn destroy(name: &str) -> String {
    format!("/v1/domains/{name}?wait=600")
}

/// Runs a command, which must succeed; gives microseconds.
pub fn command(words: &[&str]) -> Result<u64> {
    let [program, arguments @ ..] = words else { bail!("no command") };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let status = command.status();
    let took = began.elapsed();
    let status = status.with_context(|| words.join(" "))?;
    ensure!(status.success(), "{}: {status}; by hand it tells why", words.join(" "));
    Ok(u64::try_from(took.as_micros())?)
}

/// What a request came to.
pub struct Answered {
    /// From the first byte of the request to the last of the answer, in microseconds.
    pub us: u64,
    /// The answer's body.
    pub body: Vec<u8>,
}

/// Sends one request over a connection of its own, which is made before the clock starts.
pub fn request(socket: &str, method: &str, path: &str, body: &str) -> Result<Answered> {
    let mut stream = UnixStream::connect(socket).with_context(|| format!("connect to {socket}"))?;
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: xenith\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    let bytes = [head.as_bytes(), body.as_bytes()].concat();
    let mut answer = Vec::new();
    let began = Instant::now();
    stream.write_all(&bytes)?;
    let whole = loop {
        let mut block = [0; 64 << 10];
        let count = stream.read(&mut block)?;
        ensure!(count > 0, "{method} {path}: the connection closed before the answer was whole");
        answer.extend_from_slice(block.get(..count).unwrap_or_default());
        if let Some(whole) = whole(&answer) {
            break whole;
        }
    };
    let us = u64::try_from(began.elapsed().as_micros())?;
    let told = String::from_utf8_lossy(&answer).into_owned();
    // 202 would be the time until nobody waited any longer.
    ensure!(answer.starts_with(b"HTTP/1.1 2") && !answer.starts_with(b"HTTP/1.1 202"), "{method} {path}: {told}");
    Ok(Answered { us, body: answer.split_off(whole) })
}

/// Where the body begins, once all of it is there.
fn whole(answer: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let start = answer.windows(END.len()).position(|window| window == END)? + END.len();
    let head = String::from_utf8_lossy(answer.get(..start)?).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(Some(0), |text| text.trim().parse().ok())?;
    (answer.len() >= start + length).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        for (answer, expected) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", Some(27)),
            ("HTTP/1.1 204 No Content\r\n", None),
            ("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{", None),
            ("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", Some(43)),
        ] {
            assert_eq!(whole(answer.as_bytes()), expected, "{answer:?}");
        }
    }
}
