//! A plan is a value: it is printed, and nothing is done.

use anyhow::{Result, ensure};
use xenith_api::latest::CreateRequest;

use crate::world::{Guest, World, config, steady};

pub fn run(world: &mut dyn World) -> Result<()> {
    let config = config(world, "planned", Guest::Halting)?;
    let before = steady(world)?;
    let answer = world.client().create(&CreateRequest { config, paused: false, dry_run: true })?;
    ensure!(answer.domain.is_none(), "a dry run made {:?}", answer.domain);
    ensure!(answer.plan.len() > 10, "a plan of {} steps", answer.plan.len());
    ensure!(answer.plan.iter().all(|step| step.duration_us.is_none() && !step.undo.is_empty()), "{:?}", answer.plan);
    let differences = before.differences(&world.leftovers()?, world.slack_kib());
    ensure!(differences.is_empty(), "a dry run changed the host: {}", differences.join("; "));
    Ok(())
}
