//! The stories, one file each.

use anyhow::{Context, Result, bail};

use crate::world::{Guest, World, config, create_paused, gone, steady, until};

mod autostart;
mod bad_input;
mod boot_pvh;
mod cancel;
mod console_killed;
mod control_killed;
mod crash_loop;
mod cycles;
mod dry_run;
mod dump_core;
mod four_at_once;
mod host;
mod killed_midway;
mod lifecycle;
mod linux_ends;
mod many_at_once;
mod midway;
mod on_actions;
mod replayed;
mod resize;
mod store_client;

/// One story.
pub struct Story {
    /// Its file's name.
    pub name: &'static str,
    /// What it shows, in a line.
    pub about: &'static str,
    /// What happens.
    pub run: fn(&mut dyn World) -> Result<()>,
}

/// All of them, quick ones first.
pub const ALL: &[Story] = &[
    Story { name: "dry_run", about: "a plan is printed and nothing is done", run: dry_run::run },
    Story { name: "host", about: "release, memory, capabilities and mitigations as Xen says them", run: host::run },
    Story { name: "bad_input", about: "every bad input gets its code and leaves nothing behind", run: bad_input::run },
    Story { name: "cycles", about: "100 domains are created and destroyed, nothing is left, no role grows", run: cycles::run },
    Story { name: "many_at_once", about: "20 domains are created at once, and destroyed at once", run: many_at_once::run },
    Story { name: "cancel", about: "creates cancelled sooner and later leave nothing", run: cancel::run },
    Story { name: "store_client", about: "our client meets our store by its socket and by the kernel's device", run: store_client::run },
    Story { name: "boot_pvh", about: "create, console, shutdown, destroy of a Linux domain", run: boot_pvh::run },
    Story { name: "four_at_once", about: "four domains with 1, 2 and 4 vcpus at once, all vcpus online", run: four_at_once::run },
    Story { name: "lifecycle", about: "pause, unpause, list, and a domain by name, domid and uuid", run: lifecycle::run },
    Story { name: "on_actions", about: "five reasons to stop do each of the seven actions", run: on_actions::run },
    Story {
        name: "linux_ends",
        about: "a Linux guest for each reason to stop; after a kexec the second kernel is up",
        run: linux_ends::run,
    },
    Story { name: "dump_core", about: "a Linux domain's core dump: all of its memory, with holes, and it runs on", run: dump_core::run },
    Story { name: "autostart", about: "stored configs start with the host, once and in order", run: autostart::run },
    Story { name: "resize", about: "a running domain has fewer vcpus and less memory, and all of it again", run: resize::run },
    Story { name: "crash_loop", about: "a domain that crashes at once is restarted later each time, then held", run: crash_loop::run },
    Story { name: "console_killed", about: "SIGKILL of the console role: no byte of the log lost or repeated", run: console_killed::run },
    Story {
        name: "killed_midway",
        about: "SIGKILL of control sooner and later in creates and destroys: whole or nothing",
        run: killed_midway::run,
    },
    Story {
        name: "replayed",
        about: "SIGKILL of control and of a client of its events: 500 of them, none lost, none twice",
        run: replayed::run,
    },
    Story { name: "control_killed", about: "SIGKILL of control: domains run on and are found again", run: control_killed::run },
];

/// The story of this name.
pub fn named(name: &str) -> Result<&'static Story> {
    ALL.iter().find(|story| story.name == name).with_context(|| {
        let names: Vec<&str> = ALL.iter().map(|story| story.name).collect();
        format!("no story is called {name}; there are {}", names.join(", "))
    })
}

/// Runs a story, and compares what the host holds with what it held before.
pub fn tell(world: &mut dyn World, story: &Story) -> Result<()> {
    let before = steady(world)?;
    (story.run)(world)?;
    let limit = world.boot_limit();
    let settled = until(world, "everything to be as before", limit, |world| {
        let after = world.leftovers()?;
        Ok(before.differences(&after, world.slack_kib()).is_empty().then_some(()))
    });
    if settled.is_err() {
        let after = world.leftovers()?;
        bail!("left behind: {}", before.differences(&after, world.slack_kib()).join("; "));
    }
    Ok(())
}

/// Domains that come and go before anything is compared: Xen's own heap settles with the first ones after boot.
pub fn warm_up(world: &mut dyn World) -> Result<()> {
    const CYCLES: u32 = 20;
    let mut config = config(world, "warm-up", Guest::Halting)?;
    config.vcpus = 4;
    for _ in 0..CYCLES {
        create_paused(world, &config)?;
        world.client().destroy("warm-up")?;
        gone(world, "warm-up")?;
    }
    Ok(())
}
