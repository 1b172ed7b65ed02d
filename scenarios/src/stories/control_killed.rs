//! Control is killed: the domain runs on, is found again with its config, and its end is still seen to.

use anyhow::{Context, Result, ensure};
use xenith_api::latest::ShutdownRequest;

use crate::world::{Guest, Role, World, config, console_says, create, gone};

pub fn run(world: &mut dyn World) -> Result<()> {
    let config = config(world, "outlives", Guest::Linux)?;
    let domain = create(world, &config)?;
    world.kill(Role::Control)?;
    let hello = world.hello(1);
    console_says(world, "outlives", &hello)?;
    let found = world.client().domain("outlives").context("after control came back")?;
    ensure!((found.domid, found.uuid) == (domain.domid, domain.uuid), "{found:?} was {domain:?}");
    ensure!(found.config.as_ref().is_some_and(|found| found.name == config.name && found.boot == config.boot), "{:?}", found.config);
    world.kill(Role::Control)?;
    world.client().shutdown("outlives", ShutdownRequest { wait_seconds: 60 })?;
    gone(world, "outlives")
}
