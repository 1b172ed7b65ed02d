//! Rings, viewers, keys: what a console does while it is served.

use std::io;

use xen_abi::DomId;
use xen_store::client::Loopback;

use super::world::{Names, World, settle};
use crate::allowance::Rate;
use crate::config::Config;
use crate::console::Console;
use crate::viewers::{View, ViewerId};

const WEB: DomId = DomId(5);
const DB: DomId = DomId(6);

fn start(config: Config) -> (World, Console<Loopback>, Names) {
    let world = World::new();
    world.create(WEB, "web", 0);
    world.create(DB, "db", 0);
    let (mut console, mut names) = (world.role(config), Names::default());
    settle(&mut console, 0, &mut names);
    (world, console, names)
}

fn seen(console: &mut Console<Loopback>, viewer: ViewerId) -> (String, View) {
    let mut seen = Vec::new();
    let view = console.pump(viewer, |bytes| {
        seen.extend_from_slice(bytes);
        Ok(bytes.len())
    });
    (String::from_utf8(seen).unwrap(), view.unwrap())
}

#[test]
fn viewers_see_the_past_and_the_present() {
    let (world, mut console, mut names) = start(Config { replay_bytes: 8, ..Config::default() });
    world.say(WEB, b"0123456789");
    settle(&mut console, 1, &mut names);
    let replay = console.attach(WEB, true).unwrap();
    let fresh = console.attach(WEB, false).unwrap();
    assert_eq!(seen(&mut console, replay), ("23456789".into(), View::Whole));
    assert_eq!(seen(&mut console, fresh), (String::new(), View::Whole));
    world.say(WEB, b"abc");
    world.say(DB, b"other");
    settle(&mut console, 2, &mut names);
    for viewer in [replay, fresh] {
        assert_eq!(seen(&mut console, viewer), ("abc".into(), View::Whole));
    }
    assert_eq!(console.attach(DomId(99), true), None);
}

#[test]
fn viewers_of_a_dead_domain_see_its_end() {
    let (world, mut console, mut names) = start(Config::default());
    let viewer = console.attach(WEB, true).unwrap();
    let full = console.pump(viewer, |_| Err(io::ErrorKind::WouldBlock.into())).unwrap();
    assert_eq!(full, View::Whole, "nothing to write yet");
    world.say(WEB, b"goodbye");
    world.destroy(WEB);
    settle(&mut console, 1, &mut names);
    let full = console.pump(viewer, |_| Err(io::ErrorKind::WouldBlock.into())).unwrap();
    assert_eq!(full, View::Full);
    assert_eq!(seen(&mut console, viewer), ("goodbye".into(), View::Ended));
    console.detach(viewer);
    assert_eq!(seen(&mut console, viewer), (String::new(), View::Ended));
}

#[test]
fn keys_reach_the_guest_as_fast_as_it_takes_them() {
    let (world, mut console, mut names) = start(Config::default());
    let keys: Vec<u8> = (0..3000).map(|index| index as u8).collect();
    let (mut sent, mut heard) = (0, Vec::new());
    for _ in 0..20 {
        let room = console.input_room(WEB);
        let taken = console.input(WEB, &keys[sent..]);
        assert_eq!(taken, room.min(keys.len() - sent));
        sent += taken;
        settle(&mut console, 1, &mut names);
        if heard.len() < 1000 {
            // It does not listen at first: 1,024 bytes in the ring, as many with us.
            heard.extend(if sent >= 2048 { world.hear(WEB) } else { Vec::new() });
        } else {
            heard.extend(world.hear(WEB));
        }
    }
    assert_eq!(heard, keys);
    assert_eq!(console.input(DomId(99), b"x"), 1, "keys for nobody are swallowed");
}

#[test]
fn a_noisy_console_is_held_and_others_are_not() {
    let rate = Rate { bytes_per_second: 10_000, burst_bytes: 4_000 };
    let (world, mut console, mut names) = start(Config { rate, ..Config::default() });
    let unmasked = world.lock().unmasks;
    let mut taken = 0;
    for now_ms in 1..=1000 {
        taken += world.say(WEB, &[b'x'; 4096]);
        let turn = console.turn(now_ms, &mut names);
        assert!(turn.store_lost.is_none());
        if now_ms == 500 {
            world.say(DB, b"me too");
            settle(&mut console, now_ms, &mut names);
            assert_eq!(world.disk.contents("db.log"), b"me too");
        }
    }
    let logged = world.disk.logged("web").len();
    assert!((13_000..=14_100).contains(&logged), "a burst and a second's worth: {logged}");
    assert!(taken - logged <= 2048, "the rest waits in the ring");
    let unmasked = world.lock().unmasks - unmasked;
    assert!(unmasked <= 3, "the noisy port stays masked, its events cost nothing: {unmasked} in 1000 turns");
}

#[test]
fn output_is_lossless_however_much_there_is() {
    let (world, mut console, mut names) = start(Config { log_max_bytes: 1 << 30, ..Config::default() });
    let text: Vec<u8> = (0..1_000_000u32).map(|index| (index / 7 + index % 251) as u8).collect();
    let (mut said, mut now_ms) = (0, 0);
    while said < text.len() {
        said += world.say(WEB, &text[said..]);
        now_ms += 1;
        console.turn(now_ms, &mut names);
    }
    settle(&mut console, now_ms + 10_000, &mut names);
    assert!(world.disk.contents("web.log") == text);
}

#[test]
fn hostile_indices_cost_only_their_own_console() {
    for prod in [2049, 0x8000_0000, u32::MAX] {
        let (world, mut console, mut names) = start(Config::default());
        let viewer = console.attach(WEB, true).unwrap();
        world.say(WEB, b"good so far");
        settle(&mut console, 1, &mut names);
        world.set_out_prod(WEB, 11u32.wrapping_add(prod));
        settle(&mut console, 2, &mut names);
        let notified = world.lock().notified[&WEB];
        world.set_out_prod(WEB, 12);
        world.say(DB, b"fine");
        console.input(WEB, b"keys");
        settle(&mut console, 3, &mut names);
        assert_eq!(world.lock().notified[&WEB], notified, "{prod:#x}: the ring is ignored from then on");
        assert_eq!(world.disk.contents("web.log"), b"good so far");
        assert_eq!(seen(&mut console, viewer).0, "good so far");
        assert_eq!(world.disk.contents("db.log"), b"fine");
    }
}

/// An idle turn costs no notification, no unmask and no wait.
#[test]
fn an_idle_role_waits() {
    let (world, mut console, mut names) = start(Config::default());
    let costs = |world: &World| {
        let state = world.lock();
        (state.notified.clone(), state.unmasks)
    };
    let before = costs(&world);
    let waits = console.client.as_ref().unwrap().counters();
    for now_ms in 1..50 {
        assert_eq!(console.turn(now_ms, &mut names).wait_ms, None);
    }
    assert_eq!(costs(&world), before);
    assert_eq!(console.client.as_ref().unwrap().counters(), waits);
}
