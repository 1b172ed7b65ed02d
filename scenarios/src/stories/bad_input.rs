//! Everything that is wrong with an input gets its stable code and one line that helps, and leaves nothing behind.

use anyhow::{Context, Result, ensure};
use xenith_api::latest::{Code, CreateRequest, DomainConfig, Problem};

use super::lifecycle::refused;
use crate::kernels::{self, Packing};
use crate::world::{Guest, World, config, create_paused, gone, steady};

pub fn run(world: &mut dyn World) -> Result<()> {
    for (name, code, bytes) in spoilt_kernels()? {
        let mut config = config(world, "spoilt", Guest::Halting)?;
        config.boot.kernel = world.file(&name, &bytes)?;
        let path = config.boot.kernel.clone();
        expect(world, config, code, &[&path]).with_context(|| name)?;
    }
    missing_files(world)?;
    too_small(world)?;
    out_of_range(world)?;
    name_in_use(world)
}

/// Kernels that cannot boot, with the code of each.
fn spoilt_kernels() -> Result<Vec<(String, Code, Vec<u8>)>> {
    let mut spoilt = vec![
        ("no-note.elf".to_string(), Code::KernelNoPvhNote, kernels::without_note()),
        ("text.elf".to_string(), Code::KernelUnknownFormat, b"#!/bin/sh\necho this is no kernel\n".to_vec()),
        ("empty.elf".to_string(), Code::FileUnreadable, Vec::new()),
        ("short.elf".to_string(), Code::KernelTruncated, kernels::halting().into_iter().take(60).collect()),
        ("bomb".to_string(), Code::KernelTooLarge, kernels::bzimage_of(&kernels::zstd_bomb(600))?),
    ];
    let kernel = kernels::sized(200_000);
    for packing in Packing::ALL {
        let name = format!("{packing:?}").to_lowercase();
        let whole = packing.pack(&kernel)?;
        let half: Vec<u8> = whole.iter().copied().take(whole.len() / 2).collect();
        spoilt.push((format!("{name}-truncated"), Code::KernelTruncated, kernels::bzimage_of(&half)?));
        let mut file = kernels::bzimage(packing, &kernel)?;
        file.truncate(file.len() - 1000);
        spoilt.push((format!("{name}-cut"), Code::KernelTruncated, file));
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        // LZ4 and LZMA carry no checksum: only what makes no sense can be found. A run of zeros makes none in either.
        damaged.iter_mut().skip(middle).take(64).for_each(|byte| *byte = 0);
        spoilt.push((format!("{name}-corrupt"), Code::KernelCorrupt, kernels::bzimage_of(&damaged)?));
    }
    Ok(spoilt)
}

fn missing_files(world: &mut dyn World) -> Result<()> {
    let mut no_kernel = config(world, "spoilt", Guest::Halting)?;
    no_kernel.boot.kernel = "/nowhere/vmlinuz".to_string();
    expect(world, no_kernel, Code::FileUnreadable, &["/nowhere/vmlinuz"])?;
    let mut no_initrd = config(world, "spoilt", Guest::Halting)?;
    no_initrd.boot.initrd = Some("/nowhere/initrd".to_string());
    expect(world, no_initrd, Code::FileUnreadable, &["/nowhere/initrd"])
}

/// Too small for its kernel and initrd; the error says how much would do, and that much does.
fn too_small(world: &mut dyn World) -> Result<()> {
    let mut config = config(world, "spoilt", Guest::Halting)?;
    config.memory_kib = 8 << 10;
    config.boot.initrd = Some(world.file("large-initrd", &vec![7; 12 << 20])?);
    let problem = create_refused(world, config.clone(), Code::MemoryTooSmall)?;
    let text = format!("{} {}", problem.detail, problem.advice);
    let enough_mib = numbers_before(&text, "MiB").into_iter().max().with_context(|| format!("no MiB in: {text}"))?;
    config.memory_kib = enough_mib << 10;
    create_paused(world, &config).with_context(|| format!("with the {enough_mib} MiB that should do"))?;
    world.client().destroy("spoilt")?;
    gone(world, "spoilt")
}

fn numbers_before(text: &str, unit: &str) -> Vec<u64> {
    text.match_indices(unit)
        .filter_map(|(at, _)| {
            let before = text.get(..at)?.trim_end();
            let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            before.get(before.len() - digits..)?.parse().ok()
        })
        .collect()
}

fn out_of_range(world: &mut dyn World) -> Result<()> {
    type Spoil = fn(&mut DomainConfig);
    let cases: [(Code, Spoil); 7] = [
        (Code::ConfigInvalid, |config| config.vcpus = 0),
        (Code::ConfigInvalid, |config| config.vcpus = 129),
        (Code::ConfigInvalid, |config| config.memory_kib = 4 << 10),
        (Code::ConfigInvalid, |config| config.memory_kib = (16 << 10) + 1),
        (Code::ConfigInvalid, |config| config.name = "12".to_string()),
        (Code::ConfigInvalid, |config| config.boot.kernel = "vmlinuz".to_string()),
        (Code::MemoryInsufficient, |config| config.memory_kib = 1 << 32),
    ];
    for (index, (code, spoil)) in cases.into_iter().enumerate() {
        let mut config = config(world, "spoilt", Guest::Halting)?;
        spoil(&mut config);
        expect(world, config, code, &[]).with_context(|| format!("case {index}"))?;
    }
    let mut both = config(world, "a/b", Guest::Halting)?;
    both.vcpus = 0;
    let problem = create_refused(world, both, Code::ConfigInvalid)?;
    let keys: Vec<&str> = problem.complaints.iter().map(|complaint| complaint.key.as_str()).collect();
    ensure!(keys.contains(&"name") && keys.contains(&"vcpus"), "all complaints at once, and there are {keys:?}");
    Ok(())
}

fn name_in_use(world: &mut dyn World) -> Result<()> {
    let config = config(world, "taken", Guest::Halting)?;
    create_paused(world, &config)?;
    let problem = create_refused(world, config, Code::NameInUse)?;
    ensure!(problem.detail.contains("taken"), "who? {}", problem.detail);
    world.client().destroy("taken")?;
    gone(world, "taken")
}

/// A create that is refused with this code, in one line that names these, and that leaves the host as it was.
fn expect(world: &mut dyn World, config: DomainConfig, code: Code, names: &[&str]) -> Result<()> {
    let before = steady(world)?;
    let problem = create_refused(world, config, code)?;
    ensure!(!problem.detail.contains('\n') && !problem.detail.is_empty(), "not one line: {:?}", problem.detail);
    ensure!(!problem.advice.is_empty(), "no advice: {problem:?}");
    for name in names {
        ensure!(problem.detail.contains(name), "{name} is not named in: {}", problem.detail);
    }
    let differences = before.differences(&world.leftovers()?, world.slack_kib());
    ensure!(differences.is_empty(), "a refused create left: {}", differences.join("; "));
    Ok(())
}

fn create_refused(world: &mut dyn World, config: DomainConfig, code: Code) -> Result<Problem> {
    refused(world.client().create(&CreateRequest { config, paused: true, dry_run: false }), code)
}
