//! Fifty domains come and go.

use anyhow::Result;

use crate::world::{Guest, World, config, create_paused, gone};

const CYCLES: u32 = 50;

pub fn run(world: &mut dyn World) -> Result<()> {
    let config = config(world, "cycle", Guest::Halting)?;
    for _ in 0..CYCLES {
        create_paused(world, &config)?;
        world.client().destroy("cycle")?;
        gone(world, "cycle")?;
    }
    Ok(())
}
