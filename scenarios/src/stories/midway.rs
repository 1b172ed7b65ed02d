//! Operations that nobody waits for, and where they are: what stories meet on the way.

use anyhow::{Context, Result, ensure};
use xenith_api::latest::{CreateRequest, DomainConfig, Operation, OperationState, routes};

use crate::world::{World, until};

/// Begins a create.
pub fn begin_create(world: &dyn World, config: &DomainConfig, paused: bool) -> Result<Operation> {
    let body = serde_json::to_vec(&CreateRequest { config: config.clone(), paused, dry_run: false })?;
    begin(world, routes::CREATE.method, &format!("{}?wait=0", routes::CREATE.path), Some(&body), &config.name)
}

/// Begins a destroy.
pub fn begin_destroy(world: &dyn World, name: &str) -> Result<Operation> {
    begin(world, routes::DESTROY.method, &format!("{}?wait=0", routes::DESTROY.path.replace("{id}", name)), None, name)
}

fn begin(world: &dyn World, method: &str, path: &str, body: Option<&[u8]>, subject: &str) -> Result<Operation> {
    let (status, answer) = world.api().0.exchange(method, path, &[], body)?;
    if matches!(status, 200 | 201 | 204) {
        // It was done before anybody could look: the newest of its kind.
        let all = world.client().operations()?;
        return all.into_iter().rev().find(|operation| operation.subject == subject).context("no operation of it");
    }
    ensure!(status == 202, "{method} {path} is answered with {status}: {}", String::from_utf8_lossy(&answer));
    Ok(serde_json::from_slice(&answer)?)
}

/// Waits until so many of its steps are done, or it ended.
pub fn at_step(world: &mut dyn World, operation: &Operation, step: u32) -> Result<Operation> {
    let (id, limit, client) = (operation.id.to_string(), world.boot_limit(), world.client());
    let is_there = |now: &Operation| now.done >= step || now.state != OperationState::Running;
    until(world, "the operation to get there", limit, |_| {
        // As often as can be: steps take less than a millisecond.
        let mut now = client.operation(&id)?;
        for _ in 0..200 {
            if is_there(&now) {
                break;
            }
            now = client.operation(&id)?;
        }
        Ok(is_there(&now).then_some(now))
    })
}
