//! The promise: a process killed at any point neither loses nor repeats a byte.

use std::cell::Cell;

use xen_abi::DomId;

use super::world::{Names, World};
use crate::allowance::Rate;
use crate::config::Config;
use crate::log::tests::Fuse;

const WEB: DomId = DomId(5);

fn config(log_max_bytes: u64) -> Config {
    Config { log_max_bytes, rate: Rate { bytes_per_second: 1 << 30, burst_bytes: 1 << 30 }, ..Config::default() }
}

/// A text in which every position can be told from every other.
fn stream() -> Vec<u8> {
    (0..2000).flat_map(|line| format!("line {line}\n").into_bytes()).collect()
}

/// Lets the guest say everything, with the role killed after so many effects each time, until a role gets to the end. Gives how many
/// roles it took.
fn run(world: &World, config: &Config, text: &[u8], mut life: impl FnMut(u32) -> Option<u32>, dying: impl Fn(&Fuse)) -> u32 {
    let mut said = 0;
    for role in 0.. {
        world.fuse.set(life(role));
        let mut console = world.role(config.clone());
        let mut names = Names::default();
        // Pieces of odd lengths, so that appends and the ring's end fall everywhere; and turns with nothing said.
        for now_ms in 0..100_000 {
            let piece = [1500, 0, 37, 2048, 900][now_ms as usize % 5];
            said += world.say(WEB, text.get(said..).map_or(&[], |rest| &rest[..rest.len().min(piece)]));
            let turn = console.turn(now_ms, &mut names);
            assert!(turn.store_lost.is_none());
            if world.fuse.blown() || (said == text.len() && turn.wait_ms.is_none()) {
                break;
            }
        }
        let done = !world.fuse.blown();
        dying(&world.fuse);
        world.kill(console);
        if done {
            return role + 1;
        }
    }
    unreachable!()
}

fn world(index: u32) -> World {
    let world = World::new();
    world.create(WEB, "web", index);
    world
}

/// How many effects an undisturbed run has.
fn effects(config: &Config, text: &[u8], index: u32) -> u32 {
    const MANY: u32 = 1_000_000;
    let world = world(index);
    let left = Cell::new(MANY);
    run(&world, config, text, |_| Some(MANY), |fuse| left.set(fuse.left().unwrap()));
    MANY - left.get()
}

#[test]
fn killed_at_every_point_the_log_is_the_stream() {
    let (config, index) = (config(1 << 20), u32::MAX - 5000);
    let text = &stream()[..12_000];
    let all = effects(&config, text, index);
    assert!(all > 30, "there are points to be killed at: {all}");
    for point in 0..=all {
        let world = world(index);
        run(&world, &config, text, |role| (role == 0).then_some(point), |_| ());
        assert!(world.disk.logged("web") == text, "killed after {point} of {all} effects: {}", difference(&world, text));
    }
}

#[test]
fn killed_again_and_again_the_log_is_the_stream() {
    let config = config(1 << 20);
    let text = &stream()[..18_000];
    for lifetime in 5..30 {
        let world = world(7);
        let roles = run(&world, &config, text, |role| (role < 500).then_some(lifetime + role % 3), |_| ());
        assert!(roles > 1, "{lifetime}");
        assert!(world.disk.logged("web") == text, "killed every {lifetime} effects: {}", difference(&world, text));
    }
}

/// With rotation the two files hold the stream's end, without a seam, and at least as much as a file may grow.
#[test]
fn killed_while_rotating_the_log_is_the_streams_end() {
    let config = config(3000);
    let text = &stream()[..15_000];
    let all = effects(&config, text, 0);
    for point in 0..=all {
        let world = world(0);
        run(&world, &config, text, |role| (role == 0).then_some(point), |_| ());
        let logged = world.disk.logged("web");
        assert!(text.ends_with(&logged), "killed after {point} of {all} effects");
        assert!(logged.len() > 1000 && world.disk.contents("web.log.1").len() > 900, "killed after {point}: {} bytes", logged.len());
        assert!(world.disk.contents("web.log").len() <= 3000 && world.disk.contents("web.log.1").len() <= 3000);
    }
}

fn difference(world: &World, text: &[u8]) -> String {
    let logged = world.disk.logged("web");
    let same = logged.iter().zip(text).take_while(|(a, b)| a == b).count();
    format!("{} bytes logged of {}, the first {same} as said", logged.len(), text.len())
}
