use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::*;
use crate::v1::{DomainConfig, DomainState, StartRequest};

/// Answers every request with one reply, and remembers what was asked.
struct Canned {
    reply: (u16, &'static str),
    asked: Mutex<Vec<String>>,
}

impl Exchange for Canned {
    fn exchange(&self, method: &str, path: &str, headers: &[Header<'_>], body: Option<&[u8]>) -> Result<(u16, Vec<u8>), Problem> {
        let body = body.map_or(String::new(), |body| format!(" {}", String::from_utf8_lossy(body)));
        let headers: String = headers.iter().map(|(name, value)| format!(" {name}: {value}")).collect();
        self.asked.lock().unwrap().push(format!("{method} {path}{headers}{body}"));
        Ok((self.reply.0, self.reply.1.as_bytes().to_vec()))
    }
}

fn canned(status: u16, body: &'static str) -> Client<Canned> {
    Client::new(Canned { reply: (status, body), asked: Mutex::default() })
}

/// What the client asked for.
fn asked(call: impl FnOnce(&Client<Canned>)) -> String {
    let client = canned(200, "{}");
    call(&client);
    client.exchange.asked.lock().unwrap().join("\n")
}

#[test]
fn every_method_asks_for_its_route() {
    let config: DomainConfig = serde_json::from_str(r#"{"name":"web","memory":"64MiB","boot":{"kernel":"/k"}}"#).unwrap();
    let create = CreateRequest { config, paused: true, dry_run: false };
    let created = r#"POST /v1/domains?wait=20 {"config":{"name":"web","type":"pvh","vcpus":1,"memory":"64MiB","boot":{"kernel":"/k","cmdline":""},"on":{"poweroff":"destroy","reboot":"restart","crash":"destroy","watchdog":"destroy","soft_reset":"soft-reset"}},"paused":true,"dry_run":false}"#;
    type Call<'c> = &'c dyn Fn(&Client<Canned>);
    let table: &[(Call<'_>, &str)] = &[
        (&|c| drop(c.root()), "GET /v1"),
        (&|c| drop(c.host()), "GET /v1/host"),
        (&|c| drop(c.host_log()), "GET /v1/host/log"),
        (&|c| drop(c.cpupools()), "GET /v1/cpupools"),
        (&|c| drop(c.store_nodes("/a b/@é", 2)), "GET /v1/store?path=/a%20b/@%C3%A9&depth=2"),
        (&|c| drop(c.write_store("/a&b=c", b"1")), "PUT /v1/store?path=/a%26b%3Dc {\"value\":\"1\"}"),
        (&|c| drop(c.write_store("/a", b"\xff")), "PUT /v1/store?path=/a {\"value_hex\":\"ff\"}"),
        (&|c| drop(c.remove_store("/a")), "DELETE /v1/store?path=/a"),
        (&|c| drop(c.list()), "GET /v1/domains"),
        (&|c| drop(c.domain("a/b c(5)")), "GET /v1/domains/a%2Fb%20c%285%29"),
        (&|c| drop(c.create(&create)), created),
        (&|c| drop(c.pause("web")), "POST /v1/domains/web/pause"),
        (&|c| drop(c.unpause("web")), "POST /v1/domains/web/unpause"),
        (&|c| drop(c.shutdown("5", ShutdownRequest { wait_seconds: 9 })), "POST /v1/domains/5/shutdown {\"wait_seconds\":9}"),
        (&|c| drop(c.destroy("web")), "DELETE /v1/domains/web?wait=20"),
        (&|c| drop(c.reboot("web")), "POST /v1/domains/web/reboot"),
        (&|c| drop(c.restart("web")), "POST /v1/domains/web/restart?wait=20"),
        (&|c| drop(c.rename("web", &RenameRequest { name: "www".to_owned() })), "POST /v1/domains/web/rename {\"name\":\"www\"}"),
        (
            &|c| drop(c.resize("web", &ResizeRequest { memory_kib: Some(256 << 10), vcpus: None })),
            "POST /v1/domains/web/resize {\"memory\":\"256MiB\"}",
        ),
        (&|c| drop(c.dump_core("web", &DumpRequest::default(), |_| ())), "POST /v1/domains/web/dump-core?wait=1 {}"),
        (&|c| drop(c.crashes()), "GET /v1/crashes"),
        (&|c| drop(c.crash("7")), "GET /v1/crashes/7"),
        (&|c| drop(c.operations()), "GET /v1/operations"),
        (&|c| drop(c.operation("7")), "GET /v1/operations/7"),
        (&|c| drop(c.cancel("7")), "POST /v1/operations/7/cancel"),
        (&|c| drop(c.adopt("web")), "POST /v1/domains/web/adopt"),
        (&|c| drop(c.doctor()), "GET /v1/doctor"),
        (&|c| drop(c.clean()), "POST /v1/doctor/clean"),
        (&|c| drop(c.configs()), "GET /v1/configs"),
        (&|c| drop(c.config("web")), "GET /v1/configs/web"),
        (&|c| drop(c.remove_config("web", Some("\"7\""))), "DELETE /v1/configs/web if-match: \"7\""),
        (&|c| drop(c.start("web", StartRequest { paused: true })), "POST /v1/configs/web/start?wait=20 {\"paused\":true}"),
        (&|c| drop(c.console_log("é")), "GET /v1/domains/%C3%A9/console/log"),
    ];
    for (call, expected) in table {
        assert_eq!(asked(call), *expected);
    }
}

#[test]
fn answers_and_problems() {
    let domains = r#"[{"name":"web","domid":3,"uuid":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55","state":"blocked","vcpus":2,"memory_kib":65536,"cpu_seconds":1.5}]"#;
    assert_eq!(canned(200, domains).list().unwrap()[0].state, DomainState::Blocked);
    assert_eq!(canned(204, "").destroy("web"), Ok(()));
    let told = r#"{"code":"domain-not-found","status":404,"detail":"t","subject":"domain web","advice":"a"}"#;
    assert_eq!(canned(404, told).destroy("web").unwrap_err().code, Code::DomainNotFound);
    let untold = canned(500, "<html>").destroy("web").unwrap_err();
    assert_eq!((untold.code, untold.status), (Code::Internal, 500));
    assert_eq!(untold.detail, "DELETE /v1/domains/web?wait=20: the daemon answered 500 without saying why");
    assert!(canned(200, "[1]").list().unwrap_err().detail.contains("makes no sense"));
}

/// A daemon that takes one connection and does what it is told.
fn daemon(serve: impl FnOnce(std::os::unix::net::UnixStream) + Send + 'static) -> (tempfile::TempDir, Client<Unix>) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("api.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    (dir, Client::new(Unix::new(socket, Duration::from_secs(60))))
}

fn answer(reply: &'static str) -> (tempfile::TempDir, Client<Unix>) {
    daemon(move |mut stream| {
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        assert!(request[..length].ends_with(b"connection: close\r\n\r\n"));
        stream.write_all(reply.as_bytes()).unwrap();
    })
}

#[test]
fn over_a_socket() {
    let (_dir, client) = answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]");
    assert_eq!(client.list(), Ok(vec![]));
    for (reply, code, says) in [
        ("", Code::DaemonUnreachable, "GET /v1/domains: the daemon went away before it answered: unexpected end of file"),
        ("220 mail ESMTP\r\n", Code::Internal, "does not speak HTTP"),
    ] {
        let (_dir, client) = answer(reply);
        let problem = client.list().unwrap_err();
        assert_eq!(problem.code, code);
        assert!(problem.detail.contains(says), "{}", problem.detail);
    }
}

#[test]
fn an_early_refusal_of_a_long_request_is_heard() {
    let (_dir, client) = daemon(|mut stream| {
        stream.read_exact(&mut [0; 16]).unwrap();
        stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    let body = vec![b' '; 8 << 20];
    // The kernel may throw the answer away with the connection (unread bytes reset it): then the loss is told instead.
    match client.exchange.exchange("POST", "/v1/domains", &[], Some(&body)) {
        Ok((status, _)) => assert_eq!(status, 413),
        Err(problem) => assert_eq!(problem.code, Code::DaemonUnreachable),
    }
}

#[test]
fn a_silent_daemon_and_none() {
    let (dir, _) = daemon(|mut stream| {
        // Until the client gives up, however long that takes.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let client = Client::new(Unix::new(dir.path().join("api.sock"), Duration::from_millis(300)));
    assert_eq!(client.list().unwrap_err().code, Code::TimedOut);
    let none = Client::new(Unix::new("/nonexistent/api.sock", Duration::from_secs(1))).list().unwrap_err();
    assert_eq!(none.code, Code::DaemonUnreachable);
    assert_eq!(none.detail, "no daemon answers on /nonexistent/api.sock: no such file or directory");
}

#[test]
fn a_console_carries_bytes_both_ways() {
    let (_dir, client) = daemon(|stream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.send(tungstenite::Message::binary(b"login: ".to_vec())).unwrap();
        let typed = socket.read().unwrap();
        socket.send(typed).unwrap();
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    });
    let mut console = client.console("web").unwrap();
    let mut heard = Vec::new();
    console.say(b"root\r").unwrap();
    while console.unsent() {
        console.flush().unwrap();
    }
    loop {
        match console.hear().unwrap() {
            Heard::Bytes(bytes) => heard.extend(bytes),
            Heard::Nothing => thread::sleep(Duration::from_millis(1)),
            Heard::End(_) => break,
        }
    }
    assert_eq!(heard, b"login: root\r");
}

#[test]
fn a_console_that_is_refused_says_why() {
    let (_dir, client) = daemon(|mut stream| {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        let body = r#"{"code":"domain-not-found","status":404,"detail":"no domain web","subject":"domain web","advice":"a"}"#;
        write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n", body.len()).unwrap();
        // The body comes when the head was read.
        thread::sleep(Duration::from_millis(20));
        write!(stream, "{body}").unwrap();
    });
    let problem = client.console("web").unwrap_err();
    assert_eq!((problem.code, problem.detail.as_str()), (Code::DomainNotFound, "no domain web"));
}
