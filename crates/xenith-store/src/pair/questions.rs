//! Questions about domains, asked across the processes: the worker has no privcmd and opens no file.
//!
//! ```text
//!   worker: | 0 | domid, 2 bytes |  ->  keeper: | 0 gone, 1 shut down, 2 alive, 3 cannot be learnt |        SOCK_SEQPACKET, little-endian
//!   worker: | 1 | domid, 2 bytes |  ->  keeper: | 0 and the file that stands for its ring, 3 there is none |
//!   worker: | 2 | 0, 2 bytes     |  ->  keeper: | 0 these changed, 1 these are all, 3 cannot be learnt | domid, 2 bytes, state | ...
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
use crate::seams::{Changed, DomainStates};

const STATE: u8 = 0;
const RING: u8 = 1;
const CHANGED: u8 = 2;
const THESE: u8 = 0;
const ALL: u8 = 1;
const UNKNOWN: u8 = 3;
/// The longest answer: as many domains as there can be.
const ANSWER_MAX: usize = 1 + 3 * 0x7ff0;

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
        let ring = self.ask(RING, domid, &mut [0]).and_then(|(_, file)| file.ok_or(Errno::NOENT));
        ring.map_err(|error| SeamError::Io { what: "asking the keeper for a ring", source: error.into() })
    }

    /// Asks, and waits for the answer; gives its length.
    fn ask(&self, what: u8, domid: DomId, answer: &mut [u8]) -> Result<(usize, Option<OwnedFd>), Errno> {
        let [low, high] = domid.0.to_le_bytes();
        rustix::net::send(&self.0, &[what, low, high], SendFlags::NOSIGNAL)?;
        loop {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut beside = RecvAncillaryBuffer::new(&mut space);
            match rustix::net::recvmsg(&self.0, &mut [IoSliceMut::new(answer)], &mut beside, RecvFlags::CMSG_CLOEXEC) {
                Ok(heard) if heard.bytes == 0 => return Err(Errno::PIPE),
                Ok(heard) => return Ok((heard.bytes, descriptor(&mut beside))),
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
        let mut answer = [UNKNOWN];
        self.ask(STATE, domid, &mut answer).map_err(|error| failed(Some(domid), error))?;
        let [state] = answer;
        decoded(state).ok_or_else(|| failed(Some(domid), Errno::IO))
    }

    fn changed(&mut self) -> Result<Changed, xen_hv::Error> {
        let mut answer = vec![0; ANSWER_MAX];
        let (length, _) = self.ask(CHANGED, DomId::DOM0, &mut answer).map_err(|error| failed(None, error))?;
        let Some((what, entries)) = answer.get(..length).and_then(<[u8]>::split_first) else { return Ok(Changed::Unknown) };
        let (entries, _) = entries.as_chunks();
        let states = || entries.iter().filter_map(|[low, high, state]| Some((DomId(u16::from_le_bytes([*low, *high])), decoded(*state)?)));
        Ok(match *what {
            THESE => Changed::These(states().collect()),
            ALL => Changed::All(states().collect()),
            _ => Changed::Unknown,
        })
    }
}

fn failed(subject: Option<DomId>, error: Errno) -> xen_hv::Error {
    let cause = Cause::Seam(SeamError::Io { what: "asking the keeper", source: error.into() });
    xen_hv::Error { operation: "domain state", subject, cause, detail: None }
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
            (STATE, 3) => self.say(&[domains.domain_state(domid).map_or(UNKNOWN, encoded)], None),
            (RING, 3) => match domains.ring(domid) {
                Some(file) => self.say(&[0], Some(file.as_fd())),
                None => self.say(&[UNKNOWN], None),
            },
            (CHANGED, 3) => self.say(&changes(domains), None),
            _ => Err(PairError::Nonsense("a question that is none").into()),
        }
    }

    fn say(&self, answer: &[u8], file: Option<BorrowedFd<'_>>) -> Result<(), StoreError> {
        let files: Vec<BorrowedFd<'_>> = file.into_iter().collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() {
            beside.push(SendAncillaryMessage::ScmRights(&files));
        }
        let said = rustix::net::sendmsg(&self.0, &[IoSlice::new(answer)], &mut beside, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        match said {
            Ok(_) => Ok(()),
            Err(Errno::PIPE | Errno::CONNRESET) => Err(StoreError::Alone),
            Err(error) => Err(PairError::from(error).into()),
        }
    }
}

fn changes(domains: &mut dyn DomainStates) -> Vec<u8> {
    let (what, states) = match domains.changed() {
        Ok(Changed::These(states)) => (THESE, states),
        Ok(Changed::All(states)) => (ALL, states),
        Ok(Changed::Unknown) => return vec![UNKNOWN],
        Err(error) => {
            tracing::warn!("store: cannot learn which domains changed: {error}");
            return vec![UNKNOWN];
        }
    };
    let entries = states.into_iter().flat_map(|(domid, state)| {
        let [low, high] = domid.0.to_le_bytes();
        [low, high, encoded(state)]
    });
    std::iter::once(what).chain(entries).collect()
}

fn encoded(state: DomainState) -> u8 {
    match state {
        DomainState::Gone => 0,
        DomainState::Shutdown => 1,
        DomainState::Alive => 2,
    }
}

fn decoded(state: u8) -> Option<DomainState> {
    [DomainState::Gone, DomainState::Shutdown, DomainState::Alive].get(usize::from(state)).copied()
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
