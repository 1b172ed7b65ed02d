//! A domain that crashes as soon as it runs is restarted, later each time, and in the end left stopped.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use xen_abi::hypercall::sched::ShutdownReason;
use xenith_api::latest::{Action, Domain, DomainState};

use crate::world::{Guest, Role, World, config, create, gone, until};

pub fn run(world: &mut dyn World) -> Result<()> {
    let mut config = config(world, "looping", Guest::Ends(ShutdownReason::Crash))?;
    config.on.crash = Action::Restart;
    let first = create(world, &config)?;
    let held = until_held(world)?;
    ensure!(held.state == DomainState::Crashed && held.uuid == first.uuid, "held as {held:?}");
    // It stays so, whoever looks.
    world.kill(Role::Control)?;
    let limit = world.boot_limit();
    let still = until(world, "control to know it again", limit, |world| Ok(world.client().domain("looping").ok()))?;
    ensure!(still.held && still.domid == held.domid, "after a restart of control: {still:?}");
    // Somebody says that it shall begin anew.
    world.client().restart("looping").context("restart")?;
    let again = world.client().domain("looping")?;
    ensure!(again.domid != held.domid && !again.held, "after a restart: {again:?}");
    world.client().destroy("looping")?;
    gone(world, "looping")
}

/// Waits for the eight restarts, 127 s in all. Time goes slowly while the domain runs, so that it stops soon after its start on a busy host too.
fn until_held(world: &mut dyn World) -> Result<Domain> {
    const STEPS: u32 = 3000;
    for _ in 0..STEPS {
        let seen = world.client().domain("looping").ok();
        match seen {
            Some(domain) if domain.held => return Ok(domain),
            Some(domain) if domain.state == DomainState::Crashed => world.pass(Duration::from_secs(1))?,
            _ => world.pass(Duration::from_millis(20))?,
        }
    }
    bail!("looping is never held")
}
