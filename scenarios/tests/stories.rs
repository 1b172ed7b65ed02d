//! Every story on every release of the table.

#![allow(clippy::panic, reason = "a test fails by it")]

use scenarios::sim_world::{self, SimWorld};
use scenarios::stories::{ALL, tell};
use xen_abi::Release;

fn all_on(release: Release) {
    sim_world::log();
    let mut world =
        SimWorld::start(release).unwrap_or_else(|error| panic!("Xen {release}: {error:#}")).with_program(env!("CARGO_BIN_EXE_scenarios"));
    for story in ALL {
        tell(&mut world, story).unwrap_or_else(|error| panic!("Xen {release}, {}: {error:#}", story.name));
    }
}

macro_rules! releases {
    ($($name:ident = $release:expr;)*) => {
        $(#[test] fn $name() { all_on($release); })*

        #[test]
        fn no_release_is_left_out() {
            assert_eq!([$($release),*].as_slice(), Release::ALL.as_slice());
        }
    };
}

releases! {
    xen_4_14 = Release::V4_14;
    xen_4_15 = Release::V4_15;
    xen_4_16 = Release::V4_16;
    xen_4_17 = Release::V4_17;
    xen_4_18 = Release::V4_18;
    xen_4_19 = Release::V4_19;
    xen_4_20 = Release::V4_20;
    xen_4_21 = Release::V4_21;
    xen_4_22 = Release::V4_22;
}
