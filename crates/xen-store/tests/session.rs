//! The conversation without I/O, and the ways it is carried: sockets that do not block, the kernel's device, a store that hangs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};
use xen_store::client::{Client, ClientError, DeviceTransport, Incoming, Request, Requests, Session, SocketTransport, Ticket, TxId, open};
use xen_store::path::StorePath;
use xen_store::quota::Quota;
use xen_store::server::{ConnKind, Server};
use xen_store::wire::{self, Message, MsgType, Parser, XsError};

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

/// A store that answers whatever a session has to say, in pieces of `piece` bytes.
struct Store {
    server: Server,
    conn: xen_store::server::ConnId,
}

impl Store {
    fn new() -> Store {
        let mut server = Server::new(Quota::default());
        let conn = server.connect(ConnKind::Socket);
        Store { server, conn }
    }

    fn answer(&mut self, session: &mut Session, piece: usize) {
        self.server.input(self.conn, session.output());
        session.sent(session.output().len());
        while self.server.step() {}
        let mut bytes = Vec::new();
        self.server.output(self.conn, 1 << 20, &mut bytes);
        self.server.sent(self.conn, bytes.len());
        for piece in bytes.chunks(piece) {
            session.feed(piece).unwrap();
        }
    }
}

fn all(session: &mut Session) -> Vec<Incoming> {
    std::iter::from_fn(|| session.next()).collect()
}

fn event(path: &str) -> Incoming {
    Incoming::Event(xen_store::client::Event { path: path.to_owned(), token: "t".to_owned() })
}

#[test]
fn replies_and_events_in_any_split() {
    for piece in [1, 7, 16, 1000] {
        let (mut store, mut session) = (Store::new(), Session::new());
        let requests = [Request::write(&path("/a"), "1"), Request::watch(&path("/a"), "t"), Request::read(&path("/none"))];
        let tickets: Vec<Ticket> = requests.iter().map(|request| session.send(request).unwrap()).collect();
        assert_eq!(session.next(), None);
        store.answer(&mut session, piece);
        let ok = || Ok(b"OK\0".to_vec());
        let expected = [
            Incoming::Reply(tickets[0], ok()),
            Incoming::Reply(tickets[1], ok()),
            Incoming::Reply(tickets[2], Err(XsError::NoEntry)),
            event("/a"),
        ];
        assert_eq!(all(&mut session), expected);
    }
}

#[test]
fn a_transaction_without_waiting() {
    let (mut store, mut session) = (Store::new(), Session::new());
    session.send(&Request::transaction_start()).unwrap();
    store.answer(&mut session, 5);
    let Some(Incoming::Reply(_, Ok(started))) = session.next() else { panic!() };
    let tx = TxId::from_reply(&started).unwrap();
    session.send_in(tx, &Request::write(&path("/a"), "1")).unwrap();
    session.send_in(tx, &Request::transaction_end(true)).unwrap();
    let read = session.send(&Request::read(&path("/a"))).unwrap();
    store.answer(&mut session, 5);
    assert_eq!(all(&mut session).pop(), Some(Incoming::Reply(read, Ok(b"1".to_vec()))));
    for no in [&b"0\0"[..], b"", b"x\0"] {
        assert!(TxId::from_reply(no).is_err());
    }
}

#[test]
fn events_are_bounded_and_the_loss_is_told() {
    let mut session = Session::new();
    for n in 0..5000 {
        let mut bytes = Vec::new();
        wire::encode(MsgType::WatchEvent.number(), 0, 0, format!("/{n}\0t\0").as_bytes(), &mut bytes).unwrap();
        session.feed(&bytes).unwrap();
        session.feed(&bytes).unwrap();
    }
    let heard = all(&mut session);
    assert_eq!((heard.len(), &heard[0], &heard[1], &heard[4096]), (4097, &Incoming::EventsLost, &event("/0"), &event("/4095")));
    // Long ones end earlier, and there is room again once they are taken.
    for _ in 0..2 {
        for n in 0..1000 {
            let mut bytes = Vec::new();
            wire::encode(MsgType::WatchEvent.number(), 0, 0, format!("/{n:02000}\0t\0").as_bytes(), &mut bytes).unwrap();
            session.feed(&bytes).unwrap();
        }
        assert_eq!(all(&mut session).len(), 1 + (1 << 20) / 2002);
    }
}

#[test]
fn answers_that_nobody_asked_for_end_it() {
    let said = |kind: MsgType, req_id| {
        let mut bytes = Vec::new();
        wire::encode(kind.number(), req_id, 0, b"OK\0", &mut bytes).unwrap();
        let mut session = Session::new();
        session.send(&Request::read(&path("/a"))).unwrap();
        session.feed(&bytes)
    };
    assert!(said(MsgType::Read, 1).is_ok());
    assert!(said(MsgType::Error, 1).is_ok());
    assert!(matches!(said(MsgType::Read, 2), Err(ClientError::Protocol(_))));
    assert!(matches!(said(MsgType::Write, 1), Err(ClientError::Protocol(_))));
    assert!(matches!(Session::new().feed(&[0xff; 16]), Err(ClientError::Protocol(_))));
}

/// Reads one request and gives it back as the reply.
fn echo(stream: &mut UnixStream, parser: &mut Parser) -> Message {
    loop {
        if let Some(message) = parser.next_message().unwrap() {
            let mut bytes = Vec::new();
            message.encode(&mut bytes).unwrap();
            stream.write_all(&bytes).unwrap();
            return message;
        }
        let mut bytes = [0; 256];
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0);
        parser.push(&bytes[..count]);
    }
}

#[test]
fn pumped_through_a_socket_that_does_not_block() {
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (mut session, mut parser) = (Session::new(), Parser::default());
    // More than the socket's buffer holds: what does not fit waits for room.
    let requests: Vec<Request> = (0..500).map(|n| Request::write(&path(&format!("/{n}")), vec![b'x'; 4000])).collect();
    for request in &requests {
        session.send(request).unwrap();
    }
    session.pump(&mut ours).unwrap();
    assert!(!session.output().is_empty() && session.next().is_none());
    let mut heard = 0;
    let mut echoed = 0;
    while heard < 500 {
        if echoed < 500 {
            assert_eq!(echo(&mut theirs, &mut parser).payload, requests[echoed].payload());
            echoed += 1;
        }
        session.pump(&mut ours).unwrap();
        heard += all(&mut session).len();
    }
    assert!(session.output().is_empty());
    drop(theirs);
    assert!(matches!(session.pump(&mut ours), Err(ClientError::Closed)));
}

#[test]
fn fed_from_a_tokio_loop() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let peer = std::thread::spawn(move || echo(&mut theirs, &mut Parser::default()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build().unwrap();
    let heard = runtime.block_on(async {
        let socket = tokio::net::UnixStream::from_std(ours).unwrap();
        let mut session = Session::new();
        session.send(&Request::read(&path("/a"))).unwrap();
        loop {
            if let Some(incoming) = session.next() {
                return incoming;
            }
            if !session.output().is_empty() {
                socket.writable().await.unwrap();
                let count = socket.try_write(session.output()).unwrap();
                session.sent(count);
                continue;
            }
            socket.readable().await.unwrap();
            let mut bytes = [0; 4096];
            match socket.try_read(&mut bytes) {
                Ok(count) => session.feed(&bytes[..count]).unwrap(),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
        }
    });
    assert!(matches!(heard, Incoming::Reply(_, Ok(payload)) if payload == b"/a\0"));
    assert_eq!(peer.join().unwrap().kind, MsgType::Read.number());
}

#[test]
fn a_store_that_hangs_is_given_up() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut client = Client::new(SocketTransport::new(ours)).with_patience(Some(Duration::from_millis(20)));
    let error = client.read(&path("/a")).unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
    // The late answer belongs to nobody.
    echo(&mut theirs, &mut Parser::default());
    assert!(matches!(client.read(&path("/a")), Err(ClientError::Closed)));
}

/// Packets keep the borders of writes, as the kernel's device does.
fn device() -> (DeviceTransport, std::os::fd::OwnedFd) {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    (DeviceTransport::new(File::from(ours)), theirs)
}

#[test]
fn the_device_takes_one_message_with_each_write() {
    let (device, kernel) = device();
    let mut client = Client::new(device).with_patience(Some(Duration::from_millis(20)));
    let requests = [Request::write(&path("/a"), vec![b'x'; 4077]), Request::read(&path("/b"))];
    let too_long = Request::write(&path("/a"), vec![b'x'; 4078]);
    assert!(
        matches!(client.pipeline(&[too_long]), Err(ClientError::Io(error)) if error.to_string().contains("no message of more than 4096"))
    );
    let (device, other) = self::device();
    drop(kernel);
    let mut client = Client::new(device).with_patience(Some(Duration::from_millis(20)));
    assert!(matches!(client.pipeline(&requests), Err(ClientError::TimedOut { .. })));
    for (kind, len) in [(MsgType::Write, 4096), (MsgType::Read, 16 + 3)] {
        let mut bytes = [0; 8192];
        let (_, count) = recv(&other, &mut bytes[..], RecvFlags::empty()).unwrap();
        assert_eq!((count, u32::from(bytes[0])), (len, kind.number()));
    }
}

#[test]
fn replies_of_the_device_may_overtake() {
    let (device, kernel) = device();
    let peer = std::thread::spawn(move || {
        let mut messages = Vec::new();
        for _ in 0..2 {
            let mut bytes = [0; 8192];
            let (_, count) = recv(&kernel, &mut bytes[..], RecvFlags::empty()).unwrap();
            messages.push(bytes[..count].to_vec());
        }
        for message in messages.iter().rev() {
            rustix::io::write(&kernel, message).unwrap();
        }
        kernel
    });
    let mut client = Client::new(device);
    let replies = client.pipeline(&[Request::read(&path("/a")), Request::read(&path("/b"))]).unwrap();
    assert_eq!(replies, [Ok(b"/a\0".to_vec()), Ok(b"/b\0".to_vec())]);
    let kernel = peer.join().unwrap();
    let mut fds = [PollFd::new(client.transport(), PollFlags::IN)];
    assert_eq!(poll(&mut fds, Some(&rustix::event::Timespec::default())).unwrap(), 0);
    assert_eq!(client.wait_event(Some(Duration::from_millis(1))).unwrap(), None);
    drop(kernel);
}

/// A directory in parts whose generation moves while it is read is read again.
#[test]
fn a_long_directory_that_changes_is_read_again() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let script: &[(&str, Result<&[u8], XsError>)] = &[
        ("/d\0", Err(XsError::TooBig)),
        ("/d\x000\0", Ok(b"7\0old\0")),
        ("/d\x004\0", Ok(b"8\0er\0\0")),
        ("/d\x000\0", Ok(b"8\0new\0")),
        ("/d\x004\0", Ok(b"8\0newer\0\0")),
    ];
    let peer = std::thread::spawn(move || {
        let mut parser = Parser::default();
        for (asked, answer) in script {
            let mut bytes = [0; 256];
            let count = theirs.read(&mut bytes).unwrap();
            parser.push(&bytes[..count]);
            let message = parser.next_message().unwrap().unwrap();
            assert_eq!(message.payload, asked.as_bytes());
            let mut out = Vec::new();
            match answer {
                Ok(part) => wire::encode(message.kind, message.req_id, 0, part, &mut out).unwrap(),
                Err(error) => wire::encode(MsgType::Error.number(), message.req_id, 0, format!("{error}\0").as_bytes(), &mut out).unwrap(),
            }
            theirs.write_all(&out).unwrap();
        }
    });
    let mut client = Client::new(SocketTransport::new(ours));
    assert_eq!(client.directory(&path("/d")).unwrap(), ["new", "newer"]);
    peer.join().unwrap();
}

#[test]
fn opened_by_path() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let peer = std::thread::spawn(move || echo(&mut listener.accept().unwrap().0, &mut Parser::default()));
    let mut client = open(Some(&socket), Duration::from_secs(10)).unwrap();
    assert_eq!(client.read(&path("/a")).unwrap(), b"/a\0");
    peer.join().unwrap();
    assert!(matches!(client.read(&path("/a")), Err(ClientError::Closed | ClientError::Io(_))));
    let error = open(Some(&dir.path().join("none")), Duration::from_secs(10)).unwrap_err();
    assert!(error.to_string().starts_with("no store answers on ") && error.to_string().contains("none: no such file"), "{error}");
    // Nothing is written over what is no store.
    for (other, says) in [(dir.path().join("file"), "neither a socket nor"), ("/dev/null".into(), "neither a socket nor")] {
        if !other.exists() {
            std::fs::write(&other, "precious").unwrap();
        }
        let error = open(Some(&other), Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(std::fs::read(dir.path().join("file")).unwrap(), b"precious");
}
