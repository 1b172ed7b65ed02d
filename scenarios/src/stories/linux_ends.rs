//! A Linux guest for each reason to stop: its kernel gives the reason, not a hypercall that we wrote. They boot at once.
//!
//! ```text
//!   reboot     --> restart      comes back under another number
//!   watchdog   --> restart      armed for two seconds and never fed (xen_wdt)
//!   poweroff   --> destroy      is gone
//!   crash      --> preserve     a panic: is kept as it is
//!   soft-reset --> soft-reset   kexec: the second kernel is up in the same domain, with all its vcpus, and hears the store
//! ```

use anyhow::{Context, Result, bail, ensure};
use xen_abi::hypercall::sched::ShutdownReason;
use xenith_api::latest::{Action, Code, Domain, DomainState, Event, EventKind, ShutdownRequest};

use super::on_actions::{only, restarted};
use crate::world::{Guest, World, config, create, events, gone, state_is, until};

/// The reasons with their actions; first those whose guests would come back for ever.
const ENDS: [(ShutdownReason, Action, &str); 5] = [
    (ShutdownReason::Reboot, Action::Restart, "reboot"),
    (ShutdownReason::Watchdog, Action::Restart, "watchdog"),
    (ShutdownReason::Poweroff, Action::Destroy, "poweroff"),
    (ShutdownReason::Crash, Action::Preserve, "crash"),
    (ShutdownReason::SoftReset, Action::SoftReset, "soft-reset"),
];
/// A second kernel has to start all of its vcpus.
const VCPUS_OF_TWO_KERNELS: u32 = 2;
/// Two kernels in the memory of one.
const MEMORY_OF_TWO_KERNELS_KIB: u64 = 256 << 10;

pub fn run(world: &mut dyn World) -> Result<()> {
    let firsts = ENDS.map(|(reason, action, name)| begin(world, reason, action, name));
    for ((_, action, name), first) in ENDS.into_iter().zip(firsts) {
        let first = first.context(name)?;
        ended(world, name, &first).and_then(|()| acted(world, name, action, &first)).with_context(|| format!("{name}, {action:?}"))?;
    }
    Ok(())
}

fn begin(world: &mut dyn World, reason: ShutdownReason, action: Action, name: &str) -> Result<Domain> {
    let mut config = config(world, name, Guest::LinuxEnds(reason))?;
    config.on = only(reason, action);
    if action == Action::SoftReset {
        (config.vcpus, config.memory_kib) = (VCPUS_OF_TWO_KERNELS, MEMORY_OF_TWO_KERNELS_KIB);
    }
    create(world, &config)
}

/// It stopped for its reason, which the log of events names as the domain is named.
fn ended(world: &mut dyn World, name: &str, first: &Domain) -> Result<()> {
    let limit = world.boot_limit();
    until(world, &format!("{name} to stop"), limit, |world| {
        let of_it = |event: &&Event| event.domain.as_ref().is_some_and(|domain| domain.uuid == first.uuid);
        let all = events(world)?;
        if let Some(stop) = all.iter().filter(of_it).find(|event| event.kind == EventKind::DomainStopped) {
            ensure!(stop.detail.ends_with(&format!("stopped, {name}")), "{}", stop.detail);
            return Ok(Some(()));
        }
        // A guest that cannot says why: without it there would be a limit that ran out, and no more.
        match said(world, name)?.lines().find(|line| line.starts_with("XENITH-GUEST: no ")) {
            Some(line) => bail!("{line}"),
            None => Ok(None),
        }
    })
}

/// What its config says was done.
fn acted(world: &mut dyn World, name: &str, action: Action, first: &Domain) -> Result<()> {
    match action {
        Action::Restart => {
            let again = restarted(world, name, first)?;
            ensure!(again.uuid == first.uuid, "uuid {} became {}", first.uuid, again.uuid);
            world.client().destroy(name)?;
        }
        Action::Preserve => {
            let kept = state_is(world, name, &[DomainState::Crashed])?;
            ensure!(kept.domid == first.domid, "d{} was kept as d{}", first.domid, kept.domid);
            world.client().destroy(name)?;
        }
        Action::SoftReset => second_kernel(world, name, first)?,
        _ => {}
    }
    gone(world, name)
}

/// The second kernel says what the first one said, in the same domain, and hears the store.
fn second_kernel(world: &mut dyn World, name: &str, first: &Domain) -> Result<()> {
    let (limit, hello) = (world.boot_limit(), world.hello(VCPUS_OF_TWO_KERNELS));
    until(world, "the second kernel to be up", limit, |world| Ok((said(world, name)?.matches(&hello).count() == 2).then_some(())))?;
    world.client().shutdown(name, ShutdownRequest { wait_seconds: 60 })?;
    let stopped = state_is(world, name, &[DomainState::Shutdown])?;
    ensure!((stopped.domid, stopped.uuid) == (first.domid, first.uuid), "d{} went on as d{}", first.domid, stopped.domid);
    world.client().destroy(name)?;
    Ok(())
}

/// What stands on its console; nothing while a reset or a restart puts one in the place of another.
fn said(world: &mut dyn World, name: &str) -> Result<String> {
    match world.client().console_log(name) {
        Ok(log) => Ok(String::from_utf8_lossy(&log).into_owned()),
        Err(problem) if matches!(problem.code, Code::NoConsole | Code::DomainNotFound) => Ok(String::new()),
        Err(problem) => Err(problem.into()),
    }
}
