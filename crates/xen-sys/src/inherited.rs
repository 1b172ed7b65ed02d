//! Descriptors that a program finds open because the one before it in the same process left them so.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The first number that can be anybody's: below are standard input, output and error.
const FIRST: RawFd = 3;

/// Takes these descriptors, all or none. Numbers that are not open, come twice, or are standard input, output or error are refused.
///
/// Call it once, before this process opens anything of its own: whatever has one of these numbers then is the inheritance.
pub fn inherit(numbers: &[RawFd]) -> io::Result<Vec<OwnedFd>> {
    let mut seen = BTreeSet::new();
    for number in numbers {
        if *number < FIRST || !seen.insert(*number) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("descriptor {number} cannot be a client's own")));
        }
        // SAFETY: the number is only asked about (fcntl F_GETFD); one that is not open is an error and nothing else.
        let borrowed = unsafe { BorrowedFd::borrow_raw(*number) };
        rustix::io::fcntl_getfd(borrowed)
            .map_err(|error| io::Error::new(io::Error::from(error).kind(), format!("descriptor {number}: {error}")))?;
    }
    // SAFETY: each number is open, comes once, and belongs to nobody in this process: its opener was the program before this one, and the
    // caller has opened nothing yet. A caller who breaks that closes a descriptor of its own too early, and reaches no memory by it.
    Ok(numbers.iter().map(|number| unsafe { OwnedFd::from_raw_fd(*number) }).collect())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::IntoRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_is_open_is_taken_and_nothing_else() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let number = ours.into_raw_fd();
        for wrong in [vec![number, number], vec![number, 1], vec![number, 1_000_000], vec![-1]] {
            assert!(inherit(&wrong).is_err(), "{wrong:?}");
        }
        let mut taken: UnixStream = inherit(&[number]).unwrap().remove(0).into();
        taken.write_all(b"x").unwrap();
        let mut read = [0];
        theirs.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"x");
    }
}
