//! One end of the pair.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SocketFlags, SocketType};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use super::PairError;
use super::word::{Message, RECORD_MAX};

/// One end of the pair.
#[derive(Debug)]
pub struct Channel(OwnedFd);

/// What was heard.
#[derive(Debug)]
pub enum Received {
    /// A message, with its descriptor where one belongs to it.
    Message(Message, Option<OwnedFd>),
    /// Nothing for now.
    Nothing,
    /// The other end is gone.
    End,
}

impl Channel {
    /// Two ends, closed on exec.
    pub fn pair() -> Result<(Channel, Channel), PairError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(PairError::from)?;
        Ok((Channel(ours), Channel(theirs)))
    }

    /// The end that another process made.
    #[must_use]
    pub fn adopt(descriptor: OwnedFd) -> Channel {
        Channel(descriptor)
    }

    /// Says something. An error of the kind `WouldBlock` says that the other end hears nothing for too long.
    pub fn send(&self, message: &Message, descriptor: Option<BorrowedFd<'_>>) -> Result<(), PairError> {
        if message.has_descriptor() != descriptor.is_some() {
            return Err(PairError::Nonsense("a descriptor in the wrong place"));
        }
        let record = message.encode();
        let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(PairError::Nonsense("more descriptors than a record has room for"));
        }
        loop {
            match rustix::net::sendmsg(&self.0, &[IoSlice::new(&record)], &mut beside, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Err(Errno::INTR) => {}
                sent => return sent.map(drop).map_err(PairError::from),
            }
        }
    }

    /// Hears what was said, without waiting.
    pub fn receive(&self) -> Result<Received, PairError> {
        // One byte more than a record has, and room for one descriptor more: what is too long is seen.
        let mut bytes = vec![0; RECORD_MAX + 1];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let heard = match rustix::net::recvmsg(&self.0, &mut [IoSliceMut::new(&mut bytes)], &mut beside, flags) {
            Ok(heard) => heard,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Received::Nothing),
            Err(Errno::CONNRESET) => return Ok(Received::End),
            Err(error) => return Err(error.into()),
        };
        // Taken before anything is judged, so that none stays open.
        let descriptors = descriptors(&mut beside);
        if heard.bytes == 0 && descriptors.is_empty() {
            return Ok(Received::End);
        }
        if heard.bytes > RECORD_MAX || heard.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(PairError::Nonsense("a record of the wrong length"));
        }
        understood(bytes.get(..heard.bytes).unwrap_or_default(), descriptors)
    }
}

fn understood(bytes: &[u8], mut descriptors: Vec<OwnedFd>) -> Result<Received, PairError> {
    let message = Message::decode(bytes)?;
    if descriptors.len() != usize::from(message.has_descriptor()) {
        return Err(PairError::Nonsense("a descriptor in the wrong place"));
    }
    Ok(Received::Message(message, descriptors.pop()))
}

fn descriptors(beside: &mut RecvAncillaryBuffer<'_>) -> Vec<OwnedFd> {
    let mut all = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            all.extend(rights);
        }
    }
    all
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> OwnedFd {
        channel.0
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
