//! A hundred domains come and go, and every role's process stays as large as it was.
//!
//! Control remembers the last 256 operations, two of which are made by each domain, so the first cycles fill that and count as warm-up. On the simulator
//! the roles are threads of one process, which scenarios/tests/flat.rs measures over a thousand cycles.

use anyhow::{Context, Result, ensure};

use crate::world::{Footprint, Guest, World, config, create_paused, gone, until};

const WARM_UP: u32 = 140;
const CYCLES: u32 = 100;
/// The most that a process may grow, in percent.
const GROWTH_MAX: u64 = 5;

pub fn run(world: &mut dyn World) -> Result<()> {
    let before = world.footprints()?;
    // Where there are none nothing has to be filled first.
    if !before.is_empty() {
        cycle(world, WARM_UP)?;
    }
    let before = world.footprints()?;
    cycle(world, CYCLES)?;
    let limit = world.boot_limit();
    for (name, before) in before {
        // A connection ends a moment after its last answer.
        let after = until(world, &format!("{name} to close its descriptors"), limit, |world| {
            let after = *world.footprints()?.get(&name).with_context(|| format!("{name} is gone"))?;
            Ok((after.descriptors <= before.descriptors).then_some(after))
        })?;
        flat(&name, before, after)?;
    }
    Ok(())
}

fn cycle(world: &mut dyn World, times: u32) -> Result<()> {
    let config = config(world, "cycle", Guest::Halting)?;
    for _ in 0..times {
        create_paused(world, &config)?;
        world.client().destroy("cycle")?;
        gone(world, "cycle")?;
    }
    Ok(())
}

fn flat(name: &str, before: Footprint, after: Footprint) -> Result<()> {
    println!("{name}: {} KiB and {} descriptors, then {} and {}", before.pss_kib, before.descriptors, after.pss_kib, after.descriptors);
    let most = before.pss_kib * (100 + GROWTH_MAX) / 100;
    ensure!(after.pss_kib <= most, "{name} grew from {} to {} KiB over {CYCLES} cycles", before.pss_kib, after.pss_kib);
    Ok(())
}
