//! A confined thread serves its descriptors and reaches nothing else. Rights and filters are a thread's own, so each test spends one.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;

use xenith_store::confine::{FALLBACK, confine};

/// Does it in a thread of its own that is confined; `None` where it could not be confined.
fn confined<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let run = move || confine(Some(FALLBACK)).ok().map(|()| act());
    thread::spawn(run).join().ok().flatten()
}

fn refused<T>(result: Result<T, impl Into<Error>>) -> bool {
    result.err().is_some_and(|error| error.into().kind() == ErrorKind::PermissionDenied)
}

#[test]
fn files_programs_and_sockets_are_out_of_reach() {
    // Each of them works before, so that what refuses is the confinement. /bin/sh and /dev/null are open to any user.
    assert!(File::open("/dev/null").is_ok() && UdpSocket::bind("127.0.0.1:0").is_ok() && UnixStream::pair().is_ok());
    assert!(Command::new("/bin/sh").args(["-c", "true"]).status().unwrap().success());
    let pid = rustix::process::getpid();
    assert!(rustix::process::test_kill_process(pid).is_ok());
    let answers = confined(move || {
        [
            ("open", refused(File::open("/dev/null"))),
            ("execve", refused(Command::new("/bin/sh").args(["-c", "true"]).status())),
            ("socket", refused(UdpSocket::bind("127.0.0.1:0"))),
            ("socketpair", refused(UnixStream::pair())),
            ("thread", refused(thread::Builder::new().spawn(|| ()).map(drop))),
            ("kill", refused(rustix::process::test_kill_process(pid))),
            ("stat", refused(std::fs::metadata("/dev/null"))),
            ("unlink", refused(std::fs::remove_file("/dev/null/none"))),
            ("dup", refused(rustix::io::dup(std::io::stdin()))),
            ("ioctl", refused(rustix::termios::tcgetwinsize(std::io::stdin()))),
        ]
    });
    for (call, refused) in answers.unwrap() {
        assert!(refused, "{call} is allowed");
    }
}

#[test]
fn rights_are_gone() {
    let read = thread::spawn(|| {
        // Opened before, read after: it tells of this thread as it is when it is read.
        let mut status = File::open("/proc/thread-self/status").unwrap();
        confine(Some(FALLBACK)).unwrap();
        let mut buffer = [0; 8192];
        let count = status.read(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    });
    let status = read.join().unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1".to_owned(), "2".to_owned()));
    if rustix::process::geteuid().is_root() {
        let id = FALLBACK.uid.to_string();
        assert_eq!(field("Uid:").split_whitespace().collect::<Vec<_>>(), [id.as_str(); 4]);
        assert_eq!(field("Gid:").split_whitespace().collect::<Vec<_>>(), [id.as_str(); 4]);
        assert_eq!(field("Groups:"), "");
    }
}

#[test]
fn what_is_open_goes_on() {
    let (mut tool, mut served) = UnixStream::pair().unwrap();
    tool.write_all(b"request").unwrap();
    let memory = confined(move || {
        let mut read = [0; 7];
        served.read_exact(&mut read).unwrap();
        served.write_all(&read).unwrap();
        vec![read; 1 << 16].len()
    });
    let mut answer = Vec::new();
    tool.read_to_end(&mut answer).unwrap();
    assert_eq!((answer.as_slice(), memory), (b"request".as_slice(), Some(1 << 16)));
}
