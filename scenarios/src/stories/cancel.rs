//! Creates that somebody cancels, sooner and later: each is taken back without a trace, or was done before.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xenith_api::latest::{Code, DomainConfig, OperationState};

use super::midway::{at_step, begin_create};
use crate::world::{Guest, World, config, gone, until};

/// Steps of a create of this kind, and a few more.
const TRIES: u32 = 24;
/// Where a guest has none of its own: without it a create may be done before anybody could say a word.
const INITRD_BYTES: usize = 8 << 20;

pub fn run(world: &mut dyn World) -> Result<()> {
    let mut config = config(world, "called-off", Guest::Linux)?;
    config.vcpus = 2;
    if config.boot.initrd.is_none() {
        config.boot.initrd = Some(world.file("called-off-initrd", &vec![7; INITRD_BYTES])?);
    }
    let (mut called_off, mut done) = (0, 0);
    for step in 0..TRIES {
        match one(world, &config, step).with_context(|| format!("cancelled after step {step}"))? {
            OperationState::Cancelled => called_off += 1,
            _ => done += 1,
        }
    }
    ensure!(called_off > 0, "not one of {TRIES} creates was cancelled in time, {done} were done");
    Ok(())
}

/// A create that is cancelled once that many steps are done.
fn one(world: &mut dyn World, config: &DomainConfig, step: u32) -> Result<OperationState> {
    let operation = begin_create(world, config, false)?;
    let (id, limit, client) = (operation.id.to_string(), world.boot_limit(), world.client());
    let mut ended = at_step(world, &operation, step)?;
    if ended.state == OperationState::Running {
        client.cancel(&id)?;
        ended = until(world, "the operation's end", limit, |_| {
            let now = client.operation(&id)?;
            Ok((now.state != OperationState::Running).then_some(now))
        })?;
    }
    match ended.state {
        OperationState::Cancelled => {
            ensure!(ended.error.as_ref().is_some_and(|problem| problem.code == Code::Cancelled), "{:?}", ended.error);
            ensure!(!client.list()?.iter().any(|domain| domain.name == config.name), "it is there all the same");
        }
        state => {
            ensure!(state == OperationState::Succeeded, "it is {state:?}: {:?}", ended.error);
            client.destroy(&config.name)?;
            gone(world, &config.name)?;
        }
    }
    world.pass(Duration::from_millis(10))?;
    Ok(ended.state)
}
