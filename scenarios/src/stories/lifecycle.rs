//! A domain is found by name, domid and uuid, stands still while it is paused, and cannot be created twice.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xenith_api::latest::{Code, CreateRequest, DomainState, Problem};

use crate::world::{Guest, World, config, create_paused, gone, state_is, until};

pub fn run(world: &mut dyn World) -> Result<()> {
    let config = config(world, "alive", Guest::Busy)?;
    let domain = create_paused(world, &config)?;
    ensure!(domain.state == DomainState::Paused, "created paused, and is {:?}", domain.state);
    for id in ["alive".to_string(), domain.domid.to_string(), domain.uuid.to_string()] {
        let seen = world.client().domain(&id).with_context(|| format!("by {id}"))?;
        ensure!(seen.uuid == domain.uuid && seen.domid == domain.domid, "by {id}: {seen:?}");
    }
    stands_still(world)?;
    world.client().unpause("alive")?;
    runs(world)?;
    world.client().pause("alive")?;
    stands_still(world)?;
    world.client().unpause("alive")?;
    runs(world)?;
    refused(world.client().create(&CreateRequest { config, paused: true, dry_run: false }), Code::NameInUse)?;
    refused(world.client().pause("nobody"), Code::DomainNotFound)?;
    world.client().destroy("alive")?;
    gone(world, "alive")
}

fn runs(world: &mut dyn World) -> Result<()> {
    let before = state_is(world, "alive", &[DomainState::Running])?;
    let limit = world.boot_limit();
    until(world, "alive to use its vcpu", limit, |world| {
        Ok((world.client().domain("alive")?.cpu_seconds > before.cpu_seconds).then_some(()))
    })
}

fn stands_still(world: &mut dyn World) -> Result<()> {
    let before = world.client().domain("alive")?;
    world.pass(Duration::from_millis(500))?;
    let after = world.client().domain("alive")?;
    ensure!(after.state == DomainState::Paused, "paused, and is {:?}", after.state);
    ensure!(before.cpu_seconds == after.cpu_seconds, "a paused domain ran from {} to {} s", before.cpu_seconds, after.cpu_seconds);
    Ok(())
}

/// That an answer is the problem of this code.
pub(super) fn refused<T>(answer: Result<T, Problem>, code: Code) -> Result<Problem> {
    match answer {
        Err(problem) if problem.code == code => Ok(problem),
        Err(problem) => anyhow::bail!("{} where {code} was due: {problem}", problem.code),
        Ok(_) => anyhow::bail!("it went well where {code} was due"),
    }
}
