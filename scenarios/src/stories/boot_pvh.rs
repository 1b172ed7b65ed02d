//! The main job: a domain boots, is seen, is asked to shut down, and is gone.

use anyhow::{Result, ensure};
use xenith_api::latest::{DomainState, ShutdownRequest};

use crate::world::{Guest, World, config, console_says, create, create_paused, gone};

pub fn run(world: &mut dyn World) -> Result<()> {
    let config = config(world, "boot", Guest::Linux)?;
    let domain = create(world, &config)?;
    ensure!(domain.domid != 0 && domain.name == "boot", "created {domain:?}");
    let hello = world.hello(1);
    console_says(world, "boot", &hello)?;
    let seen = world.client().domain("boot")?;
    ensure!(matches!(seen.state, DomainState::Running | DomainState::Blocked), "a booted domain is {:?}", seen.state);
    ensure!(seen.vcpus == 1 && seen.cpu_seconds > 0.0, "a booted domain: {seen:?}");
    // What a domain holds beside its own memory: special pages, and Xen's slack below its maximum.
    ensure!((config.memory_kib..config.memory_kib + 1024).contains(&seen.memory_kib), "{} KiB", seen.memory_kib);
    world.client().shutdown("boot", ShutdownRequest { wait_seconds: 60 })?;
    gone(world, "boot")?;
    create_paused(world, &config)?;
    world.client().destroy("boot")?;
    gone(world, "boot")
}
