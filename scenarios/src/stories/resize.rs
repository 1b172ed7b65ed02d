//! A domain gives memory and a vcpu back while it runs, and takes both again; a restart forgets what it was told.

use anyhow::{Context, Result, ensure};
use xenith_api::latest::{Code, Domain, EventKind, ResizeRequest};

use super::lifecycle::refused;
use crate::world::{Guest, World, config, console_says, create, events, gone, until};

/// What its config says.
const WHOLE_KIB: u64 = 192 << 10;
/// What is left once some was given back.
const SMALL_KIB: u64 = 160 << 10;
/// How near to its target a guest comes: what `xl mem-set` is held to is one in a hundred.
const NEAR_KIB: u64 = WHOLE_KIB / 100;

pub fn run(world: &mut dyn World) -> Result<()> {
    let mut config = config(world, "resize", Guest::Linux)?;
    (config.vcpus, config.memory_kib) = (2, WHOLE_KIB);
    // In the lab's guest nobody else sets a vcpu online that comes back.
    config.boot.cmdline += " lab.hotplug";
    let first = create(world, &config)?;
    let hello = world.hello(2);
    console_says(world, "resize", &hello)?;
    let whole = world.client().domain("resize")?;
    ensure!(whole.vcpus == 2, "created with 2 vcpus: {whole:?}");
    refused(world.client().resize("resize", &ResizeRequest { memory_kib: Some(WHOLE_KIB + 1024), vcpus: None }), Code::NeedsRestart)?;
    refused(world.client().resize("resize", &ResizeRequest { memory_kib: None, vcpus: Some(3) }), Code::NeedsRestart)?;
    // Both at once on the way down, one after the other on the way up.
    ask(world, Some(SMALL_KIB), Some(1))?;
    becomes(world, whole.memory_kib - (WHOLE_KIB - SMALL_KIB), 1)?;
    ask(world, Some(WHOLE_KIB), None)?;
    becomes(world, whole.memory_kib, 1)?;
    ask(world, None, Some(2))?;
    becomes(world, whole.memory_kib, 2)?;
    told(world, &first)?;
    ask(world, Some(SMALL_KIB), Some(1))?;
    world.client().restart("resize")?;
    becomes(world, whole.memory_kib, 2).context("after a restart")?;
    world.client().destroy("resize")?;
    gone(world, "resize")
}

fn ask(world: &mut dyn World, memory_kib: Option<u64>, vcpus: Option<u32>) -> Result<()> {
    let asked = world.client().resize("resize", &ResizeRequest { memory_kib, vcpus })?;
    ensure!(asked.name == "resize", "asked {asked:?}");
    Ok(())
}

/// Waits until Xen shows about that much memory and exactly so many vcpus.
fn becomes(world: &mut dyn World, memory_kib: u64, vcpus: u32) -> Result<()> {
    let limit = world.boot_limit();
    let mut last = None;
    let reached = until(world, "the new size", limit, |world| {
        let now = world.client().domain("resize")?;
        let there = now.vcpus == vcpus && now.memory_kib.abs_diff(memory_kib) <= NEAR_KIB;
        last = Some(now);
        Ok(there.then_some(()))
    });
    reached.with_context(|| format!("{memory_kib} KiB and {vcpus} vcpus are due, and it is {last:?}"))
}

/// The log says what was changed, once each.
fn told(world: &mut dyn World, first: &Domain) -> Result<()> {
    let all = events(world)?.into_iter().filter(|event| event.kind == EventKind::DomainChanged);
    let ours = all.filter(|event| event.domain.as_ref().is_some_and(|domain| domain.uuid == first.uuid));
    let details: Vec<String> = ours.map(|event| event.detail).collect();
    let expected = ["memory 192MiB to 160MiB, vcpus 2 to 1", "memory 160MiB to 192MiB", "vcpus 1 to 2"];
    let expected = expected.map(|what| format!("d{} resize: {what}", first.domid));
    ensure!(details == expected, "the log tells {details:?}");
    Ok(())
}
