//! A domain that crashes as soon as it runs is restarted, later each time, and in the end left stopped.

use anyhow::{Context, Result, ensure};
use xenith_api::latest::{Action, DomainState};

use crate::world::{Guest, Role, World, config, create, gone, until};

pub fn run(world: &mut dyn World) -> Result<()> {
    let mut config = config(world, "looping", Guest::Crashes)?;
    config.on.crash = Action::Restart;
    let first = create(world, &config)?;
    let limit = world.boot_limit();
    let held = until(world, "looping to be held", limit, |world| Ok(world.client().domain("looping").ok().filter(|domain| domain.held)))?;
    ensure!(held.state == DomainState::Crashed && held.uuid == first.uuid, "held as {held:?}");
    // It stays so, whoever looks.
    world.kill(Role::Control)?;
    let still = until(world, "control to know it again", limit, |world| Ok(world.client().domain("looping").ok()))?;
    ensure!(still.held && still.domid == held.domid, "after a restart of control: {still:?}");
    // Somebody says that it shall begin anew.
    world.client().restart("looping").context("restart")?;
    let again = world.client().domain("looping")?;
    ensure!(again.domid != held.domid && !again.held, "after a restart: {again:?}");
    world.client().destroy("looping")?;
    gone(world, "looping")
}
