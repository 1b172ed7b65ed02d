//! What a domain's own end leads to: five reasons by seven actions.

use anyhow::{Context, Result, ensure};
use xen_abi::hypercall::sched::ShutdownReason;
use xenith_api::latest::{Action, Domain, DomainConfig, DomainState, EventKind, On};

use crate::world::{Guest, World, config, create, events, gone, state_is, until};

/// The reasons, with their keys.
const REASONS: [(ShutdownReason, &str); 5] = [
    (ShutdownReason::Poweroff, "poweroff"),
    (ShutdownReason::Reboot, "reboot"),
    (ShutdownReason::Crash, "crash"),
    (ShutdownReason::Watchdog, "watchdog"),
    (ShutdownReason::SoftReset, "soft-reset"),
];

pub fn run(world: &mut dyn World) -> Result<()> {
    for (reason, key) in REASONS {
        for (word, action) in Action::ALL {
            one(world, reason, &format!("{key}-{word}"), action).with_context(|| format!("{key}, {word}"))?;
        }
    }
    Ok(())
}

fn one(world: &mut dyn World, reason: ShutdownReason, name: &str, action: Action) -> Result<()> {
    let mut config = config(world, name, Guest::Ends(reason))?;
    config.on = only(reason, action);
    let first = create(world, &config)?;
    match action {
        Action::Destroy | Action::CoredumpDestroy => gone(world, name)?,
        Action::Preserve => {
            let crashed = matches!(reason, ShutdownReason::Crash | ShutdownReason::Watchdog);
            let kept = state_is(world, name, &[if crashed { DomainState::Crashed } else { DomainState::Shutdown }])?;
            ensure!(kept.domid == first.domid, "d{} was kept as d{}", first.domid, kept.domid);
        }
        Action::SoftReset => reset_in_place(world, &config, &first)?,
        Action::Restart | Action::CoredumpRestart | Action::RenameRestart => {
            let again = restarted(world, name, &first)?;
            ensure!(again.uuid == first.uuid, "uuid {} became {}", first.uuid, again.uuid);
        }
    }
    if action.dumps() {
        dumped(world, &first)?;
    }
    if !matches!(action, Action::Destroy | Action::CoredumpDestroy) {
        world.client().destroy(name)?;
    }
    if action == Action::RenameRestart {
        let kept = set_aside(world, name, &first)?;
        world.client().destroy(&kept.name)?;
        gone(world, &kept.name)?;
    }
    gone(world, name)
}

/// For every other reason something else is wanted.
pub(super) fn only(reason: ShutdownReason, action: Action) -> On {
    let other = if action == Action::Preserve { Action::Destroy } else { Action::Preserve };
    let mut on = On { poweroff: other, reboot: other, crash: other, watchdog: other, soft_reset: other };
    match reason {
        ShutdownReason::Poweroff => on.poweroff = action,
        ShutdownReason::Reboot => on.reboot = action,
        ShutdownReason::Crash => on.crash = action,
        ShutdownReason::Watchdog => on.watchdog = action,
        _ => on.soft_reset = action,
    }
    on
}

/// The same name under another number.
pub(super) fn restarted(world: &mut dyn World, name: &str, first: &Domain) -> Result<Domain> {
    let limit = world.boot_limit();
    until(world, &format!("another life of {name}"), limit, |world| {
        let all = world.client().list()?;
        Ok(all.into_iter().find(|domain| domain.name == name && domain.domid != first.domid))
    })
}

/// Stopped under another name, which it has until somebody destroys it.
fn set_aside(world: &mut dyn World, name: &str, first: &Domain) -> Result<Domain> {
    let all = world.client().list()?;
    let kept = all.into_iter().find(|domain| domain.domid == first.domid).context("the domain that stopped is gone")?;
    ensure!(kept.name.starts_with(&format!("{name}-20")) && kept.name.ends_with('Z'), "it was set aside as {}", kept.name);
    ensure!(kept.held && kept.uuid != first.uuid, "it is not kept: {kept:?}");
    ensure!(matches!(kept.state, DomainState::Shutdown | DomainState::Crashed), "it is {:?}", kept.state);
    Ok(kept)
}

/// The same number, and it runs: for a while nothing else happens to it.
fn reset_in_place(world: &mut dyn World, config: &DomainConfig, first: &Domain) -> Result<()> {
    let limit = world.boot_limit();
    let runs = until(world, &format!("{} to go on", config.name), limit, |world| {
        let domain = world.client().domain(&config.name)?;
        let goes_on = matches!(domain.state, DomainState::Running | DomainState::Blocked) && domain.cpu_seconds > first.cpu_seconds;
        Ok((goes_on && was_reset(world, first)?).then_some(domain))
    })?;
    ensure!((runs.domid, runs.uuid) == (first.domid, first.uuid), "d{} went on as d{}", first.domid, runs.domid);
    Ok(())
}

/// What the log of events says.
fn was_reset(world: &mut dyn World, first: &Domain) -> Result<bool> {
    Ok(events(world)?
        .iter()
        .any(|event| event.kind == EventKind::DomainReset && event.domain.as_ref().is_some_and(|domain| domain.uuid == first.uuid)))
}

/// There is a core dump, which the log names, of all its memory.
fn dumped(world: &mut dyn World, first: &Domain) -> Result<()> {
    let told = events(world)?
        .into_iter()
        .find(|event| event.kind == EventKind::CoreDumped && event.domain.as_ref().is_some_and(|domain| domain.uuid == first.uuid));
    let told = told.context("no word of a core dump")?;
    ensure!(told.detail.contains(".core, "), "{}", told.detail);
    Ok(())
}
