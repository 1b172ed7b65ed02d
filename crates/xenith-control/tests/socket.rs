//! The API on its real socket, spoken to by the real client; the console behind it is a stand-in that speaks the console role's protocol.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use common::{Host, Served};
use xen_abi::Release;
use xenith_api::client::Heard;
use xenith_api::latest::{Code, CreateRequest};
use xenith_control::{ServeConfig, ServeError, ServeLock, events};

fn request(host: &Host) -> CreateRequest {
    serde_json::from_value(host.create_request("web")).unwrap()
}

#[test]
fn the_client_and_the_server_agree() {
    let host = Host::new(Release::V4_20);
    let mut served = Served::new(&host, host.start());
    assert_eq!(std::fs::metadata(&served.socket).unwrap().permissions().mode() & 0o777, 0o660);
    let client = served.client();
    assert_eq!(client.root().unwrap().api_version, "v1");
    assert_eq!(client.host().unwrap().release.as_deref(), Some("4.20"));
    let created = client.create(&request(&host)).unwrap();
    assert_eq!(created.domain.unwrap().name, "web");
    assert_eq!(client.list().unwrap().len(), 2);
    client.pause("web").unwrap();
    client.unpause("web").unwrap();
    client.destroy("web").unwrap();
    assert_eq!(client.domain("web").unwrap_err().code, Code::DomainNotFound);
    served.stop();
    assert!(!served.socket.exists());
    assert_eq!(served.client().list().unwrap_err().code, Code::DaemonUnreachable);
}

#[test]
fn one_control_at_a_time_serves_a_socket() {
    let host = Host::new(Release::V4_20);
    let mut served = Served::new(&host, host.start());
    let config = ServeConfig::new(served.socket.clone());
    assert!(matches!(ServeLock::take(&config), Err(ServeError::AlreadyRunning { .. })));
    assert!(served.client().list().is_ok(), "the first one is not disturbed");
    served.stop();
    // A socket that a killed control left is taken over.
    drop(UnixListener::bind(&config.socket).unwrap());
    assert!(config.socket.exists());
    let mut again = Served::new(&host, host.start());
    while again.client().list().is_err() {
        thread::sleep(Duration::from_millis(5));
    }
    again.stop();
}

/// Answers one connection as the console role does: echoes keys in upper case, or gives a log.
fn console_role(host: &Host) -> thread::JoinHandle<()> {
    let listener = UnixListener::bind(host.dir.path().join("run/console.sock")).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::with_capacity(1, stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            if line == "{\"log\":\"gone\"}\n" {
                stream.write_all(b"{\"error\":{\"code\":\"no_log\",\"message\":\"no log gone\"}}\n").unwrap();
            } else if line.contains("log") {
                stream.write_all(b"{\"ok\":{\"log\":\"web\",\"bytes\":11}}\nhello\x00\xff log").unwrap();
            } else if line.contains("attach") {
                stream.write_all(b"{\"ok\":{\"domid\":1,\"log\":\"web\"}}\nthe past, ").unwrap();
                let mut keys = [0; 64];
                let count = stream.read(&mut keys).unwrap();
                stream.write_all(&keys[..count].to_ascii_uppercase()).unwrap();
                return;
            }
        }
    })
}

#[test]
fn a_console_goes_through() {
    let host = Host::new(Release::V4_20);
    let mut served = Served::new(&host, host.start());
    let client = served.client();
    client.create(&request(&host)).unwrap();
    assert_eq!(client.console_log("web").unwrap_err().code, Code::ConsoleUnreachable);
    let role = console_role(&host);
    assert_eq!(client.console_log("web").unwrap(), b"hello\x00\xff log");
    assert_eq!(client.console_log("gone").unwrap_err().code, Code::DomainNotFound);
    assert_eq!(client.console("none").err().map(|problem| problem.code), Some(Code::DomainNotFound));
    let mut console = client.console("web").unwrap();
    console.say(b"keys").unwrap();
    let mut heard = Vec::new();
    loop {
        match console.hear().unwrap() {
            Heard::Bytes(bytes) => heard.extend(bytes),
            Heard::End(reason) => break assert_eq!(reason.as_deref(), Some("the console ended")),
            Heard::Nothing => thread::sleep(Duration::from_millis(1)),
        }
    }
    assert_eq!(heard, b"the past, KEYS");
    role.join().unwrap();
    served.stop();
}

#[test]
fn the_events_thread_does_what_is_due() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    let created = control.create(request(&host), &xenith_control::Op::alone(uuid::Uuid::from_u128(77))).unwrap();
    host.stop(xen_abi::DomId(created.domain.unwrap().domid), xen_abi::hypercall::sched::ShutdownReason::Poweroff);
    let thread = events::spawn(&control).unwrap();
    for _ in 0..1000 {
        if host.domids().is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(host.domids().is_empty());
    assert!(!thread.is_finished());
}
