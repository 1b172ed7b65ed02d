//! Four domains at once, with 1, 2, 4 and 1 vcpus: every vcpu comes online, and they end one by one.

use anyhow::{Result, ensure};

use crate::world::{Guest, World, config, console_says, create, gone};

const VCPUS: [u32; 4] = [1, 2, 4, 1];

pub fn run(world: &mut dyn World) -> Result<()> {
    let names: Vec<String> = (0..VCPUS.len()).map(|index| format!("four-{index}")).collect();
    for (name, vcpus) in names.iter().zip(VCPUS) {
        let mut config = config(world, name, Guest::Linux)?;
        config.vcpus = vcpus;
        create(world, &config)?;
    }
    for (name, vcpus) in names.iter().zip(VCPUS) {
        let hello = world.hello(vcpus);
        console_says(world, name, &hello)?;
        let seen = world.client().domain(name)?;
        ensure!(seen.vcpus == vcpus, "{name} has {} vcpus of {vcpus} online", seen.vcpus);
    }
    for name in &names {
        world.client().destroy(name)?;
    }
    names.iter().try_for_each(|name| gone(world, name))
}
