//! Events as clients read them: in order, with numbers, across the ends of clients and daemons.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use common::{Host, Served, json_of};
use xen_abi::Release;
use xen_abi::hypercall::sched::ShutdownReason;
use xenith_api::latest::{CreateRequest, Event, EventKind};

fn kinds(host: &Host, since: u64) -> Vec<Event> {
    let served = Served::new(host, host.start());
    served.client().events(since, false).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_life_is_told_once_and_in_order() {
    for release in Release::ALL {
        let host = Host::new(release);
        let control = host.start();
        let created = json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
        json_of(&control, "POST", "/v1/domains/web/pause", None, 204).await;
        json_of(&control, "POST", "/v1/domains/web/unpause", None, 204).await;
        host.stop(host.domids()[0], ShutdownReason::Poweroff);
        control.observe().unwrap();
        json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
        host.xen().destroy_domain(host.domids()[0]).unwrap();
        control.observe().unwrap();
        drop(control);
        let events = kinds(&host, 0);
        let told: Vec<&str> = events.iter().map(|event| event.kind.text()).collect();
        let create = ["operation-started", "domain-created", "operation-ended"];
        let mut expected = vec!["control-started"];
        expected.extend(create);
        expected.extend(["domain-paused", "domain-unpaused", "domain-stopped", "domain-destroyed"]);
        expected.extend(create);
        expected.extend(["drift", "domain-destroyed", "control-started"]);
        assert_eq!(told, expected, "{release}");
        assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq));
        let uuid = &created["domain"]["uuid"];
        assert!(events[1..8].iter().all(|event| event.operation.is_some() || event.domain.as_ref().unwrap().uuid.to_string() == *uuid));
        assert_eq!(events[6].reason.as_deref(), Some("poweroff"));
    }
}

#[test]
fn both_ways_to_read_say_the_same() {
    let host = Host::new(Release::V4_20);
    let mut served = Served::new(&host, host.start());
    let client = served.client();
    client.create(&serde_json::from_value(host.create_request("web")).unwrap()).unwrap();
    let lines: Vec<Event> = client.events(1, false).unwrap().map(Result::unwrap).collect();
    let mut stream = UnixStream::connect(&served.socket).unwrap();
    stream.write_all(b"GET /v1/events HTTP/1.0\r\nhost: x\r\naccept: text/event-stream\r\nlast-event-id: 1\r\n\r\n").unwrap();
    let mut said = String::new();
    let mut part = [0; 4096];
    while said.matches("\n\ndata").count() + said.matches("data: ").count() < lines.len() {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "{said}");
        said.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    assert!(said.to_ascii_lowercase().contains("content-type: text/event-stream"), "{said}");
    let data = said.lines().filter_map(|line| line.strip_prefix("data: ")).map(|line| serde_json::from_str(line).unwrap());
    assert_eq!(data.collect::<Vec<Event>>(), lines);
    let ids = said.lines().filter_map(|line| line.strip_prefix("id: ")).map(|id| id.parse().unwrap());
    assert_eq!(ids.collect::<Vec<u64>>(), lines.iter().map(|event| event.seq).collect::<Vec<u64>>());
    drop(stream);
    served.stop();
}

/// Reads on wherever it was, over every end of the daemon and of its own connection.
fn follower(served: &Served, enough: Arc<AtomicBool>) -> mpsc::Receiver<Event> {
    let (tell, told) = mpsc::channel();
    let client = served.client();
    thread::spawn(move || {
        let mut since = 0;
        while !enough.load(Ordering::Relaxed) {
            let Ok(events) = client.events(since, true) else {
                thread::yield_now();
                continue;
            };
            // A client that is killed now and then: a connection ends after a few dozen events.
            for event in events.take(37).map_while(Result::ok) {
                since = event.seq;
                tell.send(event).unwrap();
            }
        }
    });
    told
}

#[test]
fn five_hundred_events_are_neither_lost_nor_told_twice() {
    let host = Host::new(Release::V4_20);
    let request: CreateRequest = serde_json::from_value(host.create_request("web")).unwrap();
    let mut served = Served::new(&host, host.start());
    let enough = Arc::new(AtomicBool::new(false));
    let told = follower(&served, Arc::clone(&enough));
    let rounds = 90;
    for round in 0..rounds {
        let client = served.client();
        client.create(&request).unwrap();
        client.pause("web").unwrap();
        client.unpause("web").unwrap();
        client.destroy("web").unwrap();
        if round % 9 == 8 {
            served.stop();
            served = Served::new(&host, host.start());
        }
    }
    served.client().create(&CreateRequest { paused: true, ..request }).unwrap();
    let mut events: Vec<Event> = Vec::new();
    while events.iter().filter(|event| event.kind == EventKind::DomainCreated).count() <= rounds {
        events.push(told.recv_timeout(std::time::Duration::from_secs(60)).unwrap());
    }
    enough.store(true, Ordering::Relaxed);
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "numbers without holes");
    for kind in [EventKind::DomainPaused, EventKind::DomainUnpaused, EventKind::DomainDestroyed] {
        assert_eq!(events.iter().filter(|event| event.kind == kind).count(), rounds, "{kind:?}");
    }
    let about_domains = events.iter().filter(|event| event.domain.is_some()).count();
    assert!(about_domains > 500, "{about_domains}");
}
