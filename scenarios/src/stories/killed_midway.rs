//! Control is killed sooner and later in creates and destroys: what was begun is whole or was taken back, and doctor finds nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xenith_api::latest::{Code, Domain, DomainConfig, DomainState, Operation, OperationState};

use super::midway::{at_step, begin_create, begin_destroy};
use crate::world::{Guest, Role, SETTLED, World, config, create_paused, gone, until};

/// Steps of a create of this kind, and a few more.
const CREATE_STEPS: u32 = 24;
const DESTROY_STEPS: u32 = 5;
/// The longest that control may take to finish or take back what an earlier one began.
const UNWINDING: Duration = Duration::from_secs(20);

pub fn run(world: &mut dyn World) -> Result<()> {
    let config = config(world, "cut-short", Guest::Halting)?;
    let mut cut_short = 0;
    for step in 0..CREATE_STEPS {
        let is_whole = create_cut_short(world, &config, step).with_context(|| format!("create, killed after step {step}"))?;
        cut_short += u32::from(!is_whole);
        world.pass(SETTLED)?;
    }
    for step in 0..DESTROY_STEPS {
        create_paused(world, &config)?;
        destroy_cut_short(world, &config.name, step).with_context(|| format!("destroy, killed after step {step}"))?;
        world.pass(SETTLED)?;
    }
    // Roles that are threads end between two plans: there xenith-control's swarm and tests kill at every step.
    let are_threads = world.footprints()?.is_empty();
    ensure!(cut_short > 0 || are_threads, "every one of {CREATE_STEPS} creates was done before control was killed");
    println!("{cut_short} of {CREATE_STEPS} creates were taken back");
    Ok(())
}

/// Whether the domain is there, and then it is whole.
fn create_cut_short(world: &mut dyn World, config: &DomainConfig, step: u32) -> Result<bool> {
    let operation = begin_create(world, config, true)?;
    kill_at(world, &operation, step)?;
    clean(world)?;
    let guests: Vec<Domain> = world.client().list()?.into_iter().filter(|domain| domain.domid != 0).collect();
    let [domain] = guests.as_slice() else {
        ensure!(guests.is_empty(), "more than one domain: {guests:?}");
        return Ok(false);
    };
    ensure!(domain.name == config.name, "a domain without its name: {domain:?}");
    ensure!(domain.state == DomainState::Paused && domain.config.is_some(), "it is half there: {domain:?}");
    world.client().destroy(&config.name)?;
    gone(world, &config.name)?;
    Ok(true)
}

/// What had done a step is finished. What had done none may not have been begun: nothing happened then, and it is asked for once more.
fn destroy_cut_short(world: &mut dyn World, name: &str, step: u32) -> Result<()> {
    let operation = begin_destroy(world, name)?;
    let seen = kill_at(world, &operation, step)?;
    clean(world)?;
    if seen.done == 0 && seen.state == OperationState::Running {
        match world.client().destroy(name) {
            Err(problem) if problem.code != Code::DomainNotFound => return Err(problem.into()),
            _ => {}
        }
    }
    gone(world, name)
}

/// Gives the operation as it was seen last.
fn kill_at(world: &mut dyn World, operation: &Operation, step: u32) -> Result<Operation> {
    let seen = at_step(world, operation, step)?;
    world.kill(Role::Control)?;
    Ok(seen)
}

fn clean(world: &mut dyn World) -> Result<()> {
    let settled = until(world, "doctor to find nothing", UNWINDING, |world| Ok(world.client().doctor()?.clean.then_some(())));
    settled.with_context(|| format!("doctor finds {:?}", world.client().doctor().map(|found| found.findings)))
}
