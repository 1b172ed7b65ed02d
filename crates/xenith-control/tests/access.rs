//! Who may do what, and what a bad caller costs the others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{Host, Served, ask_as, json_of};
use serde_json::{Value, json};
use xen_abi::Release;
use xenith_api::latest::{Role, routes};
use xenith_control::Caller;

fn somebody(role: Role) -> Caller {
    Caller { uid: 1000, pid: 1, role }
}

#[tokio::test]
async fn every_route_takes_its_role_and_no_less() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    let before = host.everything();
    for route in routes::ALL {
        for role in [Role::Viewer, Role::Operator, Role::Admin] {
            let path = route.for_domain("nobody");
            let (status, _, body) = ask_as(somebody(role), &control, route.method, &path, "").await;
            let what = format!("{} {path} as {role}: {}", route.method, String::from_utf8_lossy(&body));
            assert_eq!(status == 403, role < route.role, "{what}");
            if status == 403 {
                assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["code"], "not-permitted", "{what}");
            }
        }
    }
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn the_root_tells_the_callers_role() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    let (_, _, body) = ask_as(somebody(Role::Operator), &control, "GET", "/v1", "").await;
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["role"], "operator");
    assert_eq!(json_of(&control, "GET", "/v1", None, 200).await["role"], "admin");
    let document = json_of(&control, "GET", "/v1/openapi.json", None, 200).await;
    assert_eq!((&document["openapi"], &document["info"]["version"]), (&json!("3.1.0"), &json!("1.0")));
}

/// Sends bytes as they are, and gives what comes back until the end of the stream.
fn raw(stream: &mut UnixStream, bytes: &[u8]) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    said
}

#[test]
fn on_the_read_only_socket_even_root_only_looks() {
    let host = Host::new(Release::V4_20);
    let mut served = Served::new(&host, host.start());
    let read_only = served.socket.with_file_name("api-ro.sock");
    let ask = |method: &str, path: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        raw(&mut UnixStream::connect(&read_only).unwrap(), request.as_bytes())
    };
    assert!(ask("GET", "/v1/domains").starts_with("HTTP/1.1 200"));
    assert!(ask("GET", "/v1").contains(r#""role":"viewer""#));
    assert!(ask("DELETE", "/v1/domains/web").starts_with("HTTP/1.1 403"));
    served.stop();
    assert!(!read_only.exists());
}

#[test]
fn thousands_of_idle_connections_cost_nobody_anything() {
    let host = Host::new(Release::V4_20);
    let mut served = Served::new(&host, host.start());
    // As many as this process may hold open; the daemon sees ten thousand come and go.
    let mut held = std::collections::VecDeque::new();
    for index in 0..10_000 {
        let mut stream = UnixStream::connect(&served.socket).unwrap();
        if index % 3 == 0 {
            let _ = stream.write_all(b"GET /v1 HTTP/1.1\r\nhost: ");
        }
        held.push_back(stream);
        if held.len() > 400 {
            held.pop_front();
        }
        if index % 1000 == 999 {
            assert_eq!(served.client().list().unwrap().len(), 1, "after {index}");
        }
    }
    assert_eq!(served.client().list().unwrap().len(), 1);
    served.stop();
}

#[test]
fn what_is_no_request_is_refused_and_forgotten() {
    let host = Host::new(Release::V4_20);
    let mut served = Served::new(&host, host.start());
    let huge = format!("POST /v1/domains HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 1 << 30);
    let too_long = [huge.as_bytes(), &vec![b' '; (1 << 20) + 1]].concat();
    let table: [(&[u8], &str); 5] = [
        (b"\x00\xff nonsense\r\n\r\n", "HTTP/1.1 400"),
        (b"GET /v1/domains HTTP/9.9\r\n\r\n", "HTTP/1.1 400"),
        (&too_long, "HTTP/1.1 413"),
        (b"PATCH /v1/domains HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "HTTP/1.1 405"),
        (b"POST /v1/domains HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\n{", "HTTP/1.1 400"),
    ];
    for (bytes, begins) in table {
        let said = raw(&mut UnixStream::connect(&served.socket).unwrap(), bytes);
        assert!(said.starts_with(begins), "{:?}: {said}", String::from_utf8_lossy(&bytes[..40.min(bytes.len())]));
    }
    assert_eq!(served.client().list().unwrap().len(), 1);
    served.stop();
}
