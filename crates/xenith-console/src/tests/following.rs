//! Whose consoles are served: what the store says, and what the role does.

use xen_abi::{DomId, Port};
use xen_store::client::{Loopback, Request, Requests};
use xen_store::path;
use xen_store::server::ConnKind;
use xen_store::wire::MsgType;

use super::world::{Names, World, settle};
use crate::config::Config;
use crate::console::Terminals;

const WEB: DomId = DomId(5);

fn served(world: &World) -> Vec<DomId> {
    world.lock().bound.values().map(|(domid, _)| *domid).collect()
}

#[test]
fn domains_come_and_go() {
    let world = World::new();
    world.create(DomId(3), "old", 0);
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    settle(&mut console, 0, &mut names);
    assert_eq!(served(&world), [DomId(3)], "a domain that was there before");
    world.create(WEB, "web", 0);
    settle(&mut console, 1, &mut names);
    assert_eq!(served(&world), [DomId(3), WEB]);
    let tty = world.tools().read_text(&path::domain(WEB).console_tty()).unwrap();
    assert_eq!(tty.as_deref(), Some("/dev/pts/5"));
    assert!(world.lock().notified[&WEB] >= 1, "what it sent before is asked for");
    world.say(WEB, b"last words");
    world.destroy(WEB);
    settle(&mut console, 2, &mut names);
    assert_eq!(served(&world), [DomId(3)]);
    assert_eq!(world.lock().mapped[&WEB], 0, "a page that stays mapped keeps a domain dying");
    assert_eq!(names.0.len(), 1);
    assert_eq!(world.disk.contents("web.log"), b"last words");
}

/// What the console asks of the store while a domain comes and goes beside so many others.
fn requests_beside(others: u16) -> u64 {
    let world = World::new();
    (0..others).for_each(|number| world.create(DomId(100 + number), &format!("other{number}"), 0));
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    settle(&mut console, 0, &mut names);
    let before = console.client.as_ref().unwrap().counters().requests;
    world.create(WEB, "web", 0);
    settle(&mut console, 1, &mut names);
    world.destroy(WEB);
    settle(&mut console, 2, &mut names);
    assert_eq!(served(&world).len(), usize::from(others));
    console.client.as_ref().unwrap().counters().requests - before
}

#[test]
fn the_others_are_not_asked_about() {
    assert_eq!(requests_beside(0), requests_beside(40));
}

#[test]
fn a_store_that_knows_no_depths_is_asked_about_every_domain() {
    let world = World::new();
    world.tools().call(&Request::new(MsgType::SetFeature, b"0\x002\0".to_vec())).unwrap();
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    console.connect(Loopback::join(world.server.clone(), ConnKind::Ring(DomId::DOM0))).unwrap();
    settle(&mut console, 0, &mut names);
    world.create(WEB, "web", 0);
    settle(&mut console, 1, &mut names);
    assert_eq!(served(&world), [WEB]);
    world.destroy(WEB);
    settle(&mut console, 2, &mut names);
    assert_eq!(served(&world), []);
}

#[test]
fn a_console_served_on_a_toolstacks_word_ends_with_its_domain() {
    let world = World::new();
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    settle(&mut console, 0, &mut names);
    // Its introduction and its end are heard of together, when its directory is gone already.
    world.create(WEB, "web", 0);
    assert!(console.settle(WEB, &mut names).unwrap());
    assert_eq!(served(&world), [WEB]);
    world.destroy(WEB);
    settle(&mut console, 1, &mut names);
    assert_eq!(served(&world), []);
    assert_eq!(world.lock().mapped[&WEB], 0, "a page that stays mapped keeps a domain dying");
}

#[test]
fn a_directory_that_went_away_is_not_made_anew_for_the_terminal() {
    struct GoneMeanwhile(World);
    impl Terminals for GoneMeanwhile {
        fn open(&mut self, domid: DomId) -> Option<String> {
            self.0.destroy(domid);
            Some("/dev/pts/5".to_owned())
        }
        fn close(&mut self, _: DomId) {}
    }
    let world = World::new();
    let mut console = world.role(Config::default());
    world.create(WEB, "web", 0);
    let mut terminals = GoneMeanwhile(world.clone());
    for now_ms in 0..20 {
        assert!(console.turn(now_ms, &mut terminals).store_lost.is_none());
    }
    assert_eq!(world.tools().read_text(&path::domain(WEB).console_tty()).unwrap(), None);
    assert_eq!(served(&world), []);
}

#[test]
fn consoles_that_are_not_ours_are_left_alone() {
    let world = World::new();
    world.create(WEB, "web", 0);
    world.tools().write(&path::domain(WEB).console_type(), "ioemu").unwrap();
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    settle(&mut console, 0, &mut names);
    assert_eq!(served(&world), []);
}

#[test]
fn nodes_alone_make_no_console() {
    let world = World::new();
    let mut tools = world.tools();
    tools.write(&path::domain(WEB).console_port(), "2").unwrap();
    tools.write(&path::domain(WEB).name(), "web").unwrap();
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    settle(&mut console, 0, &mut names);
    assert_eq!(served(&world), [], "it is not introduced yet");
    world.create(WEB, "web", 0);
    settle(&mut console, 1, &mut names);
    assert_eq!(served(&world), [WEB]);
}

#[test]
fn a_creation_that_is_undone_leaves_nothing() {
    let world = World::new();
    world.tools().write(&path::domain(WEB).console_port(), "2").unwrap();
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    settle(&mut console, 0, &mut names);
    world.tools().rm(path::domain(WEB).root()).unwrap();
    settle(&mut console, 1, &mut names);
    assert!(console.followed.is_empty());
}

#[test]
fn a_port_written_anew_is_bound_anew() {
    let world = World::new();
    world.create(WEB, "web", 0);
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    settle(&mut console, 0, &mut names);
    world.say(WEB, b"before ");
    settle(&mut console, 1, &mut names);
    world.tools().write(&path::domain(WEB).console_port(), "9").unwrap();
    settle(&mut console, 2, &mut names);
    let bound: Vec<_> = world.lock().bound.values().copied().collect();
    assert_eq!(bound, [(WEB, Port(9))]);
    world.say(WEB, b"after");
    settle(&mut console, 3, &mut names);
    assert_eq!(world.disk.contents("web.log"), b"before after");
    assert_eq!(world.lock().mapped[&WEB], 1);
}

/// A soft reset: the second kernel says as much as the first one did, and none of it counts as said before. Whether we hear of it before it speaks
/// or after is the scheduler's to decide.
#[test]
fn a_ring_that_begins_again_is_logged_from_its_beginning() {
    for (early, second) in [(true, "second"), (false, "second"), (false, "second kernel"), (false, "2nd")] {
        let world = World::new();
        world.create(WEB, "web", 0);
        let (mut console, mut names) = (world.role(Config::default()), Names::default());
        settle(&mut console, 0, &mut names);
        world.say(WEB, b"first ");
        settle(&mut console, 1, &mut names);
        world.tools().release(WEB).unwrap();
        if early {
            settle(&mut console, 2, &mut names);
        }
        world.create(WEB, "web", 0);
        world.write(WEB, second.as_bytes());
        settle(&mut console, 3, &mut names);
        let log = world.disk.contents("web.log");
        assert_eq!(String::from_utf8_lossy(&log), format!("first {second}"), "heard of {}", if early { "early" } else { "late" });
        assert_eq!(served(&world), [WEB]);
    }
}

/// A restart, of whose first half we hear last: one log, in order.
#[test]
fn a_restarted_domain_goes_on_in_its_log() {
    let world = World::new();
    world.create(WEB, "web", 0);
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    settle(&mut console, 0, &mut names);
    world.say(WEB, b"rebooting ");
    world.create(DomId(6), "web", 0);
    world.tools().write(&path::domain(DomId(6)).vm(), "/vm/00000000-0000-0000-0000-000000000005").unwrap();
    world.say(DomId(6), b"booted");
    settle(&mut console, 1, &mut names);
    world.destroy(WEB);
    settle(&mut console, 2, &mut names);
    assert_eq!(served(&world), [DomId(6)]);
    assert_eq!(world.disk.contents("web.log"), b"rebooting booted");
}

#[test]
fn a_failure_to_attach_is_tried_again() {
    let world = World::new();
    world.create(WEB, "web", 0);
    let page = world.lock().pages.remove(&WEB).unwrap();
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    let turn = settle(&mut console, 1000, &mut names);
    assert_eq!((served(&world), turn.wait_ms), (vec![], Some(500)));
    let turn = settle(&mut console, 1500, &mut names);
    assert_eq!(turn.wait_ms, Some(1000), "twice as long");
    world.lock().pages.insert(WEB, page);
    settle(&mut console, 2499, &mut names);
    assert_eq!(served(&world), [], "not before its time");
    settle(&mut console, 2500, &mut names);
    assert_eq!(served(&world), [WEB]);
}

#[test]
fn the_store_can_go_and_come_back() {
    let world = World::new();
    world.create(WEB, "web", 0);
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    settle(&mut console, 0, &mut names);
    console.client = None;
    world.say(WEB, b"meanwhile");
    settle(&mut console, 1, &mut names);
    assert_eq!(world.disk.contents("web.log"), b"meanwhile", "rings are served without a store");
    world.destroy(WEB);
    world.create(DomId(6), "new", 0);
    let port = *world.lock().bound.keys().next().unwrap();
    console.connect(world.connection()).unwrap();
    settle(&mut console, 2, &mut names);
    assert_eq!(served(&world), [DomId(6)], "both changes are seen");
    assert!(!world.lock().bound.contains_key(&port));
    // A domain that stayed keeps its session over another loss.
    let port = *world.lock().bound.keys().next().unwrap();
    console.connect(world.connection()).unwrap();
    settle(&mut console, 3, &mut names);
    assert!(world.lock().bound.contains_key(&port));
}

#[test]
fn logs_have_names_that_files_can_have() {
    let cases = [
        (DomId(1), "web-1.example", "web-1.example.log"),
        (DomId(2), "../../etc/passwd", "00000000-0000-0000-0000-000000000002.log"),
        (DomId(3), ".hidden", "00000000-0000-0000-0000-000000000003.log"),
        (DomId(4), "web-1.example", "web-1.example.d4.log"),
    ];
    let world = World::new();
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    for (domid, name, file) in cases {
        world.create(domid, name, 0);
        settle(&mut console, 0, &mut names);
        world.say(domid, name.as_bytes());
        settle(&mut console, 1, &mut names);
        assert_eq!(world.disk.contents(file), name.as_bytes(), "{file}");
    }
}

/// What a toolstack asks for before it destroys a domain that lived shorter than our next turn.
#[test]
fn a_domain_that_lived_for_a_moment_is_heard() {
    let world = World::new();
    let (mut console, mut names) = (world.role(Config::default()), Names::default());
    settle(&mut console, 0, &mut names);
    world.create(WEB, "web", 0);
    world.say(WEB, b"hello and goodbye");
    assert!(console.settle(WEB, &mut names).unwrap());
    assert_eq!(world.disk.contents("web.log"), b"hello and goodbye");
    assert!(!console.settle(DomId(77), &mut names).unwrap());
}
