//! An HTTP/1.1 reply read from a stream, with every length bounded.

use std::io::{self, Read};

use httparse::{EMPTY_HEADER, Response, Status};

/// Longest head taken, in bytes.
const HEAD_MAX: usize = 32 << 10;
/// Longest body taken, in bytes: a console's log is the largest thing that the API sends.
const BODY_MAX: usize = 64 << 20;

/// How the body's end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// Reads one reply: status and body.
pub(super) fn read(stream: &mut impl Read) -> io::Result<(u16, Vec<u8>)> {
    let mut input = Input { stream, bytes: Vec::new() };
    let (status, framing) = loop {
        let (status, framing) = head(&mut input)?;
        // An interim reply (1xx) stands before the real one.
        if status >= 200 {
            break (status, framing);
        }
    };
    let body = match framing {
        _ if status == 204 || status == 304 => Vec::new(),
        Framing::Length(length) if length > BODY_MAX => return Err(bad(format!("a body of {length} bytes is more than {BODY_MAX}"))),
        Framing::Length(length) => input.take(length)?,
        Framing::Chunked => chunks(&mut input)?,
        Framing::UntilClose => rest(&mut input)?,
    };
    Ok((status, body))
}

struct Input<'s, R> {
    stream: &'s mut R,
    bytes: Vec<u8>,
}

impl<R: Read> Input<'_, R> {
    /// Reads more; false at the end of the stream.
    fn more(&mut self) -> io::Result<bool> {
        let mut block = [0; 16 << 10];
        let count = self.stream.read(&mut block)?;
        self.bytes.extend_from_slice(block.get(..count).unwrap_or(&[]));
        Ok(count > 0)
    }

    fn more_or_cut(&mut self) -> io::Result<()> {
        if self.more()? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Takes that many bytes off the front.
    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.bytes.len() < count {
            self.more_or_cut()?;
        }
        let rest = self.bytes.split_off(count);
        Ok(std::mem::replace(&mut self.bytes, rest))
    }
}

fn head(input: &mut Input<'_, impl Read>) -> io::Result<(u16, Framing)> {
    loop {
        let mut headers = [EMPTY_HEADER; 64];
        let mut response = Response::new(&mut headers);
        if let Status::Complete(length) = response.parse(&input.bytes).map_err(|e| bad(e.to_string()))? {
            let status = response.code.ok_or_else(|| bad("no status".to_owned()))?;
            let framing = framing(response.headers)?;
            input.take(length)?;
            return Ok((status, framing));
        }
        if input.bytes.len() > HEAD_MAX {
            return Err(bad(format!("a head of more than {HEAD_MAX} bytes")));
        }
        input.more_or_cut()?;
    }
}

fn framing(headers: &[httparse::Header<'_>]) -> io::Result<Framing> {
    let value = |name: &str| headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value);
    if value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
        return Ok(Framing::Chunked);
    }
    let Some(length) = value("content-length") else { return Ok(Framing::UntilClose) };
    let length = std::str::from_utf8(length).ok().and_then(|text| text.trim().parse().ok());
    length.map(Framing::Length).ok_or_else(|| bad("a content-length that is no number".to_owned()))
}

fn chunks(input: &mut Input<'_, impl Read>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(&input.bytes).map_err(|_| bad("a chunk without a size".to_owned()))? {
            Status::Partial if input.bytes.len() > HEAD_MAX => return Err(bad("a chunk's head without an end".to_owned())),
            Status::Partial => input.more_or_cut()?,
            Status::Complete((_, 0)) => return Ok(body),
            Status::Complete((head, size)) => {
                let size = usize::try_from(size).ok().filter(|size| body.len().saturating_add(*size) <= BODY_MAX);
                let size = size.ok_or_else(|| bad(format!("chunks of more than {BODY_MAX} bytes")))?;
                input.take(head)?;
                body.append(&mut input.take(size)?);
                // The line end after the chunk's bytes.
                input.take(2)?;
            }
        }
    }
}

fn rest(input: &mut Input<'_, impl Read>) -> io::Result<Vec<u8>> {
    while input.more()? {
        if input.bytes.len() > BODY_MAX {
            return Err(bad(format!("a body of more than {BODY_MAX} bytes")));
        }
    }
    Ok(std::mem::take(&mut input.bytes))
}

fn bad(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that gives its bytes one at a time: every cut is a case of its own.
    struct Drops<'b>(&'b [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn replies() {
        for (bytes, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhixx", (200, "hi")),
            ("HTTP/1.1 204 No Content\r\n\r\n", (204, "")),
            ("HTTP/1.1 200 OK\r\n\r\nuntil close", (200, "until close")),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", (404, "")),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n",
                (200, "abc0123456789abcdef"),
            ),
        ] {
            let expected = (expected.0, expected.1.as_bytes().to_vec());
            assert_eq!(read(&mut Drops(bytes.as_bytes())).unwrap(), expected, "{bytes}");
            assert_eq!(read(&mut bytes.as_bytes()).unwrap(), expected, "{bytes}");
        }
    }

    #[test]
    fn replies_that_are_none() {
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(HEAD_MAX));
        for (bytes, says) in [
            ("", "unexpected end of file"),
            ("SSH-2.0-x\r\n", "invalid"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi", "unexpected end of file"),
            ("HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nhi", "no number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", "more than 67108864"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "without a size"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffff\r\n", "chunks of more"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", "unexpected end of file"),
            (endless.as_str(), "head of more than"),
        ] {
            let error = read(&mut bytes.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says), "{bytes:?} gave {error}");
        }
    }
}
