//! Values as text: the escapes that xenstore-read, -write and -ls use, so that what one prints the other reads.
//!
//! ```text
//!   tab newline return backslash    \t \n \r \\
//!   other bytes below 8             \001          three octal digits
//!   other bytes not printable       \x7f          two hexadecimal digits
//! ```

/// The value on one line, printable ASCII only.
pub fn escape(value: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(value.len());
    for byte in value {
        let _ = match byte {
            b'\t' => text.write_str("\\t"),
            b'\n' => text.write_str("\\n"),
            b'\r' => text.write_str("\\r"),
            b'\\' => text.write_str("\\\\"),
            b' '..=b'~' => text.write_char(char::from(*byte)),
            0..=7 => write!(text, "\\{byte:03o}"),
            _ => write!(text, "\\x{byte:02x}"),
        };
    }
    text
}

/// The bytes that an escaped text stands for. A backslash before anything else is left out; one at the end is too.
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            value.push(*byte);
            continue;
        }
        let Some((escape, after)) = rest.split_first() else { break };
        let (byte, after) = match escape {
            b't' => (b'\t', after),
            b'n' => (b'\n', after),
            b'r' => (b'\r', after),
            b'x' => digits(after, 2, 16).unwrap_or((b'x', after)),
            b'0'..=b'7' => digits(rest, 3, 8).unwrap_or((*escape, after)),
            other => (*other, after),
        };
        value.push(byte);
        rest = after;
    }
    value
}

/// At most so many digits, and what follows them; `None` where there is no digit.
fn digits(text: &[u8], most: usize, radix: u32) -> Option<(u8, &[u8])> {
    let count = text.iter().take(most).take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let (digits, rest) = text.split_at_checked(count)?;
    let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
    // Three octal digits may say more than a byte holds: its low bits count.
    Some(((number & 0xff) as u8, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_stock_tools() {
        for (value, text) in [
            (&b"plain text"[..], "plain text"),
            (b"", ""),
            (b"a\tb\nc\rd\\", "a\\tb\\nc\\rd\\\\"),
            (b"\0\x01\x07\x08\x1b\x7f\xff", "\\000\\001\\007\\x08\\x1b\\x7f\\xff"),
            (b"\x013", "\\0013"),
            ("ü\"".as_bytes(), "\\xc3\\xbc\""),
        ] {
            assert_eq!(escape(value), text);
            assert_eq!(unescape(text.as_bytes()), value, "{text}");
        }
        for (text, value) in [
            ("\\q", &b"q"[..]),
            ("end\\", b"end"),
            ("\\x4", b"\x04"),
            ("\\x", b"x"),
            ("\\xg", b"xg"),
            ("\\7z", b"\x07z"),
            ("\\777", b"\xff"),
        ] {
            assert_eq!(unescape(text.as_bytes()), value, "{text}");
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unescape(escape(&all).as_bytes()), all);
    }
}
