//! Sockets whose counts of bytes stand in shared memory before the system call returns.
//!
//! ```text
//!   header, 80 bytes:   0 msghdr (56: address of the vector below, one entry)   56 bytes moved   64 iovec (16: where, how many)
//!   recvmmsg(socket, header, 1), sendmmsg(socket, header, 1): the kernel stores `bytes moved` itself (linux/socket.h, struct mmsghdr)
//! ```
#![allow(unsafe_code)]

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use xen_hv::{Access, MAIL_COUNT, MAIL_HEADER, SharedPages, SocketMail};

use crate::mapping::Mapping;

/// Where the vector is.
const VECTOR: usize = 64;

/// `length` bytes of a file from `offset` on, a multiple of the page size, as the memory of a [`SocketMail`]. The file must be that long and
/// stay so.
pub fn socket_mail(file: impl AsFd, offset: u64, length: usize) -> io::Result<Box<dyn SocketMail>> {
    Ok(Box::new(Mapping::of_node(file, offset, length, Access::ReadWrite)?))
}

impl Mapping {
    /// Fills a header in, its count zero, and gives its address.
    fn mail_header(&self, header: usize, bytes: u64, count: usize) -> io::Result<u64> {
        let fits = header.checked_add(MAIL_HEADER).is_some_and(|end| end <= self.len());
        if !fits || !header.is_multiple_of(8) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("offset {header} is not that of a header")));
        }
        let address = self.address() + header as u64;
        let mut filled = [0; MAIL_HEADER];
        // No name, one vector, no control data, no flags.
        for (at, word) in [(16, address + VECTOR as u64), (24, 1), (VECTOR, bytes), (VECTOR + 8, count as u64)] {
            if let Some(place) = filled.get_mut(at..at + 8) {
                place.copy_from_slice(&word.to_ne_bytes());
            }
        }
        self.write(header, &filled)?;
        Ok(address)
    }

    /// One message; `call` is recvmmsg or sendmmsg.
    ///
    /// # Safety
    ///
    /// `address` is that of a header which [`Mapping::mail_header`] filled in, and its vector's range may be read or written as the call does.
    unsafe fn move_mail(&self, call: libc::c_long, socket: BorrowedFd<'_>, address: u64, header: usize, flags: i32) -> io::Result<usize> {
        // SAFETY: the kernel reads the header and the vector and writes the count, all of them inside the mapping, which `self` keeps; the
        // vector's range is the caller's promise. It keeps no address after the call. No time limit is passed.
        let done = unsafe { libc::syscall(call, socket.as_raw_fd(), address, 1u32, flags, std::ptr::null::<libc::timespec>()) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(self.load_u32(header + MAIL_COUNT)? as usize) }
    }
}

impl SocketMail for Mapping {
    fn receive(&self, socket: BorrowedFd<'_>, header: usize, buffer: Range<usize>) -> io::Result<usize> {
        if buffer.start > buffer.end || buffer.end > self.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{buffer:?} lies outside of the mapping")));
        }
        let address = self.mail_header(header, self.address() + buffer.start as u64, buffer.len())?;
        // SAFETY: the range is inside the mapping, to which no reference exists.
        unsafe { self.move_mail(libc::SYS_recvmmsg, socket, address, header, libc::MSG_DONTWAIT) }
    }

    fn send(&self, socket: BorrowedFd<'_>, header: usize, bytes: &[u8]) -> io::Result<usize> {
        let address = self.mail_header(header, bytes.as_ptr().expose_provenance() as u64, bytes.len())?;
        // SAFETY: the kernel reads these bytes, which are borrowed for the length of the call.
        unsafe { self.move_mail(libc::SYS_sendmmsg, socket, address, header, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    fn memory() -> (File, Box<dyn SocketMail>) {
        let file = memfd_create("mail", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 8192).unwrap();
        let mail = socket_mail(&file, 0, 8192).unwrap();
        (file.into(), mail)
    }

    fn count(mail: &dyn SocketMail, header: usize) -> u32 {
        mail.load_u32(header + MAIL_COUNT).unwrap()
    }

    #[test]
    fn what_was_moved_stands_in_memory() {
        let (file, mail) = memory();
        let after = socket_mail(&file, 0, 8192).unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        assert_eq!(mail.receive(ours.as_fd(), 128, 4096..8192).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(count(&*after, 128), 0);
        theirs.write_all(b"request").unwrap();
        assert_eq!(mail.receive(ours.as_fd(), 128, 4096..4099).unwrap(), 3);
        assert_eq!(mail.receive(ours.as_fd(), 256, 4099..8192).unwrap(), 4);
        assert_eq!((count(&*after, 128), count(&*after, 256)), (3, 4));
        let mut bytes = [0; 4104];
        after.read(0, &mut bytes).unwrap();
        assert_eq!(&bytes[4096..4103], b"request");
        assert_eq!(mail.send(ours.as_fd(), 384, b"reply").unwrap(), 5);
        assert_eq!(count(&*after, 384), 5);
        let mut reply = [0; 5];
        theirs.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"reply");
    }

    #[test]
    fn a_full_socket_takes_a_part_and_a_lost_peer_is_an_error() {
        let (_file, mail) = memory();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let bytes = vec![7; 8 << 20];
        let part = mail.send(ours.as_fd(), 0, &bytes).unwrap();
        assert!(part > 0 && part < bytes.len(), "{part}");
        assert_eq!(mail.send(ours.as_fd(), 0, &bytes).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(count(&*mail, 0), 0, "a call that moves nothing says so");
        drop(theirs);
        assert_eq!(mail.send(ours.as_fd(), 0, &bytes).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn places_outside_are_refused() {
        let (_file, mail) = memory();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        for (header, buffer) in [(8136, 0..1), (4, 4096..8192), (0, 4096..8193), (usize::MAX - 7, 4096..4097)] {
            assert_eq!(mail.receive(ours.as_fd(), header, buffer).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{header}");
        }
    }
}
