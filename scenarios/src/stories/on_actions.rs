//! What a domain's own end leads to: destroyed, created again, or kept for somebody to look at.

use anyhow::{Result, ensure};
use xenith_api::latest::{Action, DomainState};

use crate::world::{Guest, World, config, create, gone, state_is, until};

pub fn run(world: &mut dyn World) -> Result<()> {
    power_off_destroys(world)?;
    reboot_restarts(world)?;
    crash_preserves(world)
}

fn power_off_destroys(world: &mut dyn World) -> Result<()> {
    let config = config(world, "ends", Guest::PowersOff)?;
    create(world, &config)?;
    gone(world, "ends")
}

fn reboot_restarts(world: &mut dyn World) -> Result<()> {
    let mut config = config(world, "again", Guest::Reboots)?;
    config.on.reboot = Action::Restart;
    let first = create(world, &config)?;
    let limit = world.boot_limit();
    let second = until(world, "another life of again", limit, |world| {
        let found = world.client().list()?.into_iter().find(|domain| domain.name == "again");
        Ok(found.filter(|domain| domain.domid != first.domid))
    })?;
    ensure!(second.uuid == first.uuid, "uuid {} became {}", first.uuid, second.uuid);
    world.client().destroy("again")?;
    gone(world, "again")
}

fn crash_preserves(world: &mut dyn World) -> Result<()> {
    let mut config = config(world, "broken", Guest::Crashes)?;
    config.on.crash = Action::Preserve;
    let domain = create(world, &config)?;
    let kept = state_is(world, "broken", &[DomainState::Crashed])?;
    ensure!(kept.domid == domain.domid, "d{} was kept as d{}", domain.domid, kept.domid);
    world.client().destroy("broken")?;
    gone(world, "broken")
}
