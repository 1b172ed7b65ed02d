//! The host boots: stored configs that want it are started, once, in order, each after those it comes after.

use anyhow::{Context, Result, ensure};
use xenith_api::client::Version;
use xenith_api::latest::{OperationState, Start};

use crate::world::{Guest, Role, World, config, gone, until};

/// Name, whether it starts with the host, order, after whom.
const STORED: [(&str, bool, u32, &[&str]); 7] = [
    ("web", true, 0, &["db"]),
    ("db", true, 0, &[]),
    ("last", true, 9, &[]),
    ("by-hand", false, 1, &[]),
    ("orphan", true, 0, &["by-hand"]),
    ("broken", true, 0, &[]),
    ("of-broken", true, 0, &["broken"]),
];
/// Those that come, in their order.
const COME: [&str; 3] = ["db", "web", "last"];

pub fn run(world: &mut dyn World) -> Result<()> {
    for (name, auto, order, after) in STORED {
        let mut config = config(world, name, Guest::Busy)?;
        config.start = Start { auto, order, after: after.iter().map(|name| (*name).to_owned()).collect() };
        if name == "broken" {
            config.boot.kernel = world.file("no-kernel", b"of no format")?;
        }
        world.client().store_config(&config, Version::None).with_context(|| format!("store {name}"))?;
    }
    started_all(world)?;
    world.boot_again()?;
    came(world, &COME)?;
    failed_once(world)?;
    // The same boot, another daemon: what somebody destroyed stays so.
    world.client().destroy("db")?;
    gone(world, "db")?;
    world.kill(Role::Control)?;
    came(world, &["web", "last"])?;
    // The next boot; what runs already, as behind a daemon that was killed on its way, is not started again.
    world.boot_again()?;
    came(world, &["web", "last", "db"])?;
    for (name, ..) in STORED {
        if COME.contains(&name) {
            world.client().destroy(name)?;
            gone(world, name)?;
        }
        world.client().remove_config(name, None)?;
    }
    Ok(())
}

fn started_all(world: &mut dyn World) -> Result<()> {
    let limit = world.boot_limit();
    until(world, "control to have started all that it is to start", limit, |world| Ok(world.is_autostarted().then_some(())))
}

/// Waits until just these run, by the order in which they were created.
fn came(world: &mut dyn World, names: &[&str]) -> Result<()> {
    started_all(world)?;
    let limit = world.boot_limit();
    let mut seen = Vec::new();
    let there = until(world, "all to be started", limit, |world| {
        let mut all = world.client().list()?;
        all.retain(|domain| domain.domid != 0);
        all.sort_by_key(|domain| domain.domid);
        seen = all.into_iter().map(|domain| domain.name).collect();
        let under_way = world.client().operations()?.iter().any(|one| one.state == OperationState::Running);
        Ok((seen == names && !under_way).then_some(()))
    });
    there.with_context(|| format!("{seen:?} run, and not {names:?}"))?;
    for name in names {
        let stored = world.client().config(name)?;
        ensure!(!stored.pending && stored.domid.is_some(), "{name} runs with another config: {stored:?}");
    }
    Ok(())
}

/// Nobody asked for it, so an operation that failed is where one finds out.
fn failed_once(world: &mut dyn World) -> Result<()> {
    let all = world.client().operations()?;
    let failed: Vec<_> = all.iter().filter(|one| one.subject == "broken").collect();
    let [one] = failed.as_slice() else { anyhow::bail!("operations of broken: {failed:?}") };
    ensure!(one.state == OperationState::Failed && one.caller == "xenith", "{one:?}");
    ensure!(!all.iter().any(|one| matches!(one.subject.as_str(), "orphan" | "of-broken" | "by-hand")), "{all:?}");
    Ok(())
}
