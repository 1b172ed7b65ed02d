//! The core dump of a Linux guest: all its memory, twice the same while it is paused, in a file with holes; and it runs on.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::Hasher;
use std::io::{BufReader, Read};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result, ensure};
use xenith_api::latest::{Code, CoreDump, DumpRequest, EventKind, ShutdownRequest};

use crate::world::{Guest, World, config, console_says, create, events, gone};

const NAME: &str = "dumped";
const PAGE: u64 = 4096;
/// Notes, section headers and what stands beside the pages: 16 bytes for each, and a few pages.
const BESIDE_MAX: u64 = 2 << 20;

pub fn run(world: &mut dyn World) -> Result<()> {
    let config = config(world, NAME, Guest::Linux)?;
    let hello = world.hello(1);
    let domain = create(world, &config)?;
    console_says(world, NAME, &hello)?;
    world.client().pause(NAME)?;
    let first = world.client().dump_core(NAME, &DumpRequest::default(), |_| ())?;
    let path = first.path.clone();
    let (whole, again) = (hash_of(&path)?, fs::remove_file(&path).map(|()| path.clone())?);
    let second = world.client().dump_core(NAME, &DumpRequest { path: Some(again) }, |_| ())?;
    ensure!((second.pages, second.filled, second.bytes) == (first.pages, first.filled, first.bytes), "{first:?}, then {second:?}");
    ensure!(hash_of(&path)? == whole, "a domain that is paused has other memory");
    good(&second, config.memory_kib)?;
    // A file that is there is nobody's to write over.
    let refused = world.client().dump_core(NAME, &DumpRequest { path: Some(path.clone()) }, |_| ());
    ensure!(refused.as_ref().is_err_and(|problem| problem.code == Code::DumpPathInvalid), "{refused:?}");
    fs::remove_file(&path)?;
    let of_it = |kind: EventKind, all: &[xenith_api::latest::Event]| {
        all.iter().filter(|event| event.kind == kind && event.domain.as_ref().is_some_and(|one| one.uuid == domain.uuid)).count()
    };
    let all = events(world)?;
    ensure!(of_it(EventKind::CoreDumped, &all) == 2, "core dumps are not told");
    println!("{} of {} pages hold something", second.filled, second.pages);
    // It goes on where it was.
    world.client().unpause(NAME)?;
    world.client().shutdown(NAME, ShutdownRequest { wait_seconds: 60 })?;
    gone(world, NAME)
}

/// All its memory is there, and zeroes take no room.
fn good(core: &CoreDump, memory_kib: u64) -> Result<()> {
    // What Xen's own pages (console, store, boot) are beyond its memory, and what it ballooned away, is little.
    let pages = memory_kib * 1024 / PAGE;
    ensure!(core.pages.abs_diff(pages) < pages / 20, "{} pages of a domain with {pages}", core.pages);
    ensure!(core.filled > 0 && core.filled < core.pages, "{core:?}");
    let held = fs::metadata(&core.path).with_context(|| core.path.clone())?;
    ensure!(held.len() == core.bytes && (core.pages * PAGE..core.pages * PAGE + BESIDE_MAX).contains(&held.len()), "{} bytes", held.len());
    let room = held.blocks() * 512;
    ensure!(room < core.filled * PAGE + BESIDE_MAX, "{room} bytes on the disk for {} pages that hold something", core.filled);
    ensure!(held.mode() & 0o777 == 0o600, "others may read it: {:o}", held.mode());
    Ok(())
}

fn hash_of(path: &str) -> Result<u64> {
    let (mut file, mut hasher) = (BufReader::with_capacity(1 << 20, File::open(path)?), DefaultHasher::new());
    let mut part = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut part)?;
        if length == 0 {
            return Ok(hasher.finish());
        }
        hasher.write(part.get(..length).unwrap_or_default());
    }
}
