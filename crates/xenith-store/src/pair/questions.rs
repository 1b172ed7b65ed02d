//! Questions about domains, asked across the processes: the worker has no privcmd and opens no file.
//!
//! ```text
//!   worker: | 0 | domid, 2 bytes |  ->  keeper: | 0 gone, 1 shut down, 2 alive, 3 cannot be learnt |        SOCK_SEQPACKET, little-endian
//!   worker: | 1 | domid, 2 bytes |  ->  keeper: | 0 and the file that stands for its ring, 3 there is none |
//! ```

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType,
};
use xen_abi::DomId;
use xen_hv::{Cause, SeamError};
use xen_store::server::DomainState;

use super::PairError;
use crate::error::StoreError;
use crate::seams::DomainStates;

const STATE: u8 = 0;
const RING: u8 = 1;
const UNKNOWN: u8 = 3;

/// The worker's end: waits for each answer.
#[derive(Debug)]
pub struct Questions(OwnedFd);

/// The keeper's end: never waits.
#[derive(Debug)]
pub struct Answers(OwnedFd);

impl Questions {
    /// Both ends, closed on exec.
    pub fn pair() -> Result<(Questions, Answers), StoreError> {
        let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (asks, answers) = pair.map_err(PairError::from)?;
        Ok((Questions(asks), Answers(answers)))
    }

    /// The end that another process made.
    #[must_use]
    pub fn adopt(descriptor: OwnedFd) -> Questions {
        Questions(descriptor)
    }

    /// The file that stands for a domain's ring where there is no Xen.
    pub fn ring(&self, domid: DomId) -> Result<OwnedFd, SeamError> {
        let ring = self.ask(RING, domid).and_then(|(_, file)| file.ok_or(Errno::NOENT));
        ring.map_err(|error| SeamError::Io { what: "asking the keeper for a ring", source: error.into() })
    }

    fn ask(&self, what: u8, domid: DomId) -> Result<(u8, Option<OwnedFd>), Errno> {
        let [low, high] = domid.0.to_le_bytes();
        rustix::net::send(&self.0, &[what, low, high], SendFlags::NOSIGNAL)?;
        let mut answer = [0; 1];
        loop {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut beside = RecvAncillaryBuffer::new(&mut space);
            match rustix::net::recvmsg(&self.0, &mut [IoSliceMut::new(&mut answer)], &mut beside, RecvFlags::CMSG_CLOEXEC) {
                Ok(heard) if heard.bytes == 0 => return Err(Errno::PIPE),
                Ok(_) => return Ok((u8::from_le_bytes(answer), descriptor(&mut beside))),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn descriptor(beside: &mut RecvAncillaryBuffer<'_>) -> Option<OwnedFd> {
    let rights = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    rights?.next()
}

impl DomainStates for Arc<Questions> {
    fn domain_state(&mut self, domid: DomId) -> Result<DomainState, xen_hv::Error> {
        match self.ask(STATE, domid) {
            Ok((0, _)) => Ok(DomainState::Gone),
            Ok((1, _)) => Ok(DomainState::Shutdown),
            Ok((2, _)) => Ok(DomainState::Alive),
            Ok(_) => Err(failed(domid, Errno::IO)),
            Err(error) => Err(failed(domid, error)),
        }
    }
}

fn failed(domid: DomId, error: Errno) -> xen_hv::Error {
    let cause = Cause::Seam(SeamError::Io { what: "asking the keeper", source: error.into() });
    xen_hv::Error { operation: "domain state", subject: Some(domid), cause, detail: None }
}

impl Answers {
    /// Answers what was asked, if anything was: it never waits. A question that is none is an error: the worker is not the one that we started.
    pub fn answer(&self, domains: &mut dyn DomainStates) -> Result<(), StoreError> {
        let mut question = [0; 4];
        let length = match rustix::net::recv(&self.0, &mut question, RecvFlags::DONTWAIT) {
            Ok((_, 0)) | Err(Errno::CONNRESET) => return Err(StoreError::Alone),
            Ok((_, length)) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(PairError::from(error).into()),
        };
        let [what, low, high, _] = question;
        let domid = DomId(u16::from_le_bytes([low, high]));
        match (what, length) {
            (STATE, 3) => self.say(state(domains, domid), None),
            (RING, 3) => match domains.ring(domid) {
                Some(file) => self.say(0, Some(file.as_fd())),
                None => self.say(UNKNOWN, None),
            },
            _ => Err(PairError::Nonsense("a question that is none").into()),
        }
    }

    fn say(&self, answer: u8, file: Option<BorrowedFd<'_>>) -> Result<(), StoreError> {
        let files: Vec<BorrowedFd<'_>> = file.into_iter().collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() {
            beside.push(SendAncillaryMessage::ScmRights(&files));
        }
        let said = rustix::net::sendmsg(&self.0, &[IoSlice::new(&[answer])], &mut beside, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        match said {
            Ok(_) => Ok(()),
            Err(Errno::PIPE | Errno::CONNRESET) => Err(StoreError::Alone),
            Err(error) => Err(PairError::from(error).into()),
        }
    }
}

fn state(domains: &mut dyn DomainStates, domid: DomId) -> u8 {
    match domains.domain_state(domid) {
        Ok(DomainState::Gone) => 0,
        Ok(DomainState::Shutdown) => 1,
        Ok(DomainState::Alive) => 2,
        Err(_) => UNKNOWN,
    }
}

impl From<Questions> for OwnedFd {
    fn from(questions: Questions) -> OwnedFd {
        questions.0
    }
}

impl AsFd for Questions {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsFd for Answers {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
