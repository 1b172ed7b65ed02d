//! Keeper and worker understand each other, and nobody else.

use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::net::{SendAncillaryBuffer, SendFlags};
use xen_abi::DomId;
use xen_store::server::DomainState;
use xenith_store::pair::{Channel, Message, PairError, Questions, Received, Word};
use xenith_store::{Changed, DomainStates};

fn heard(channel: &Channel) -> Option<(Message, Option<OwnedFd>)> {
    match channel.receive() {
        Ok(Received::Message(message, descriptor)) => Some((message, descriptor)),
        _ => None,
    }
}

#[test]
fn a_client_comes_with_its_socket_and_words_stay_in_order() {
    let (keeper, worker) = Channel::pair().unwrap();
    assert!(matches!(worker.receive().unwrap(), Received::Nothing));
    let (mut tool, socket) = UnixStream::pair().unwrap();
    let client = Message::about(Word::Client, u64::MAX);
    keeper.send(&client, Some(socket.as_fd())).unwrap();
    for word in [Word::Freeze, Word::GoOn, Word::End, Word::Serving, Word::Frozen] {
        keeper.send(&Message::of(word), None).unwrap();
    }
    drop(socket);
    let (message, descriptor) = heard(&worker).unwrap();
    assert_eq!(message, client);
    let mut served = UnixStream::from(descriptor.unwrap());
    served.write_all(b"OK").unwrap();
    let mut read = [0; 2];
    tool.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"OK");
    for word in [Word::Freeze, Word::GoOn, Word::End, Word::Serving, Word::Frozen] {
        assert_eq!(heard(&worker).unwrap().0, Message::of(word));
    }
    worker.send(&Message::about(Word::Gone, 7), None).unwrap();
    assert_eq!(heard(&keeper).unwrap().0, Message::about(Word::Gone, 7));
    drop(worker);
    assert!(matches!(keeper.receive().unwrap(), Received::End));
}

#[test]
fn descriptors_belong_to_clients_alone() {
    let (keeper, worker) = Channel::pair().unwrap();
    let (socket, _tool) = UnixStream::pair().unwrap();
    assert!(keeper.send(&Message::of(Word::End), Some(socket.as_fd())).is_err());
    assert!(keeper.send(&Message::about(Word::Client, 1), None).is_err());
    assert!(matches!(worker.receive().unwrap(), Received::Nothing));
}

#[test]
fn texts_arrive_and_the_end_of_one_that_is_too_long_does_not() {
    let (keeper, worker) = Channel::pair().unwrap();
    for (said, expected) in [("", 0), ("why", 3), (&"x".repeat(9000), 8192), (&"\u{20ac}".repeat(3000), 8190)] {
        keeper.send(&Message::with(Word::GoOn, said), None).unwrap();
        let (message, _) = heard(&worker).unwrap();
        assert!(message.text.len() == expected && said.starts_with(&message.text), "{}", message.text.len());
    }
}

#[test]
fn nonsense_is_refused() {
    let record = |word: u64, text: &[u8]| [&word.to_le_bytes(), &7u64.to_le_bytes(), text].concat();
    let short = record(4, b"").split_off(1);
    let long = record(4, &[b'x'; 8193]);
    // A client without a socket, and words and texts that are none.
    for bytes in [short, long, record(18, b""), record(4 | 1 << 32, b""), record(3, b""), record(4, &[0xff])] {
        let (keeper, worker) = Channel::pair().unwrap();
        rustix::net::sendmsg(&worker, &[IoSlice::new(&bytes)], &mut SendAncillaryBuffer::default(), SendFlags::empty()).unwrap();
        assert!(matches!(keeper.receive(), Err(PairError::Nonsense(_))), "{bytes:?}");
    }
}

#[test]
fn who_hears_nothing_holds_nobody_up() {
    let (keeper, _worker) = Channel::pair().unwrap();
    let refused = (0..1_000_000).find_map(|_| keeper.send(&Message::of(Word::Freeze), None).err()).unwrap();
    assert!(matches!(refused, PairError::Socket(error) if error.kind() == std::io::ErrorKind::WouldBlock));
}

/// A host on which this is what changed.
struct Told(Changed);

impl DomainStates for Told {
    fn domain_state(&mut self, _: DomId) -> Result<DomainState, xen_hv::Error> {
        Ok(DomainState::Alive)
    }

    fn changed(&mut self) -> Result<Changed, xen_hv::Error> {
        Ok(self.0.clone())
    }
}

#[test]
fn what_changed_is_told_whole() {
    let some = vec![(DomId(1), DomainState::Gone), (DomId(300), DomainState::Shutdown), (DomId(7), DomainState::Alive)];
    // As many as a host can have.
    let many: Vec<_> = (0..0x7ff0).map(|domid| (DomId(domid), DomainState::Alive)).collect();
    let table = [Changed::These(Vec::new()), Changed::These(some.clone()), Changed::All(some), Changed::All(many), Changed::Unknown];
    for changed in table {
        let (questions, answers) = Questions::pair().unwrap();
        let mut told = Told(changed.clone());
        let keeper = std::thread::spawn(move || {
            while answers.answer(&mut told).is_ok() {
                std::thread::yield_now();
            }
        });
        let mut questions = Arc::new(questions);
        assert_eq!(questions.changed().unwrap(), changed);
        assert_eq!(questions.domain_state(DomId(5)).unwrap(), DomainState::Alive);
        drop(questions);
        keeper.join().unwrap();
    }
}
