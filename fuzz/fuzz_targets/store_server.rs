//! The store's core, fed by a hostile guest over its ring: any bytes in any split; a tools' client is answered all the same, and the core's own
//! check of its books says OK.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, Mutex};

use xen_abi::DomId;
use xen_store::client::{Client, Loopback, Request};
use xen_store::path;
use xen_store::quota::Quota;
use xen_store::server::{ConnKind, Server};

fuzz_target!(|data: &[u8]| {
    let server = Arc::new(Mutex::new(Server::new(Quota::default())));
    let mut tools = Client::new(Loopback::join(server.clone(), ConnKind::Socket));
    let home = path::domain(DomId(1));
    tools.pipeline_all(&[Request::mkdir(home.root())]).expect("a tools' client makes a node");
    let mut guest = Loopback::join(server, ConnKind::Ring(DomId(1)));
    let step = 1 + usize::from(data.first().copied().unwrap_or(0));
    for part in data.chunks(step) {
        let _ = std::io::Write::write(&mut guest, part);
        let mut reply = [0; 4096];
        let _ = std::io::Read::read(&mut guest, &mut reply);
    }
    let answers = tools.pipeline_all(&[Request::directory(&path::domains()), Request::control(&["check"])]);
    let answers = answers.expect("a tools' client is answered");
    let said = String::from_utf8_lossy(&answers[1]).into_owned();
    assert!(said.starts_with("OK"), "the store's books: {said}");
});
