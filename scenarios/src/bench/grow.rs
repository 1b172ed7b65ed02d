//! `scenarios bench grow`: create, list and destroy beside few domains and beside many, sixteen creates at once, and lists beside a slow create.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::create::forget_kernels;
use super::crowd::{self, Maker};
use super::peer::LINUX;
use super::{Figures, settle, strace, syncs, tell, timed};
use crate::lab_world::{API_SOCKET, LabWorld, PROGRAM};
use crate::processes;

/// Where `xl` keeps its locks; its own init script makes it.
const XL_RUN: &str = "/run/xen";
/// The few.
const FEW: usize = 2;
/// How many creates at once.
const AT_ONCE: usize = 16;
/// Between two lists beside a slow create.
const PAUSE: Duration = Duration::from_millis(50);
/// The domain that comes and goes.
const NAME: &str = "another";

/// Both toolstacks on our store, which is started here, or `xl` alone on the store that runs.
pub fn grow(store: &str, many: usize, repetitions: usize) -> Result<()> {
    fs::create_dir_all(XL_RUN).with_context(|| format!("create {XL_RUN}"))?;
    if store != "ours" {
        return beside_few_and_many(&[Maker::Xl], store, many, repetitions);
    }
    let world = LabWorld::start()?;
    for maker in [Maker::Xl, Maker::Api, Maker::Cli] {
        at_once(maker, repetitions)?;
    }
    beside_few_and_many(&[Maker::Xl, Maker::Api, Maker::Cli], store, many, repetitions)?;
    list_beside_a_slow_create()?;
    waits_for_the_disk()?;
    world.stop()
}

/// Our crowd is made by our API; it is the same to `xl`, which finds the same nodes.
fn beside_few_and_many(makers: &[Maker], store: &str, many: usize, repetitions: usize) -> Result<()> {
    let names = crowd::names(many);
    let (few, rest) = names.split_at(FEW.min(many));
    let by = if makers.contains(&Maker::Api) { Maker::Api } else { Maker::Xl };
    for (how_many, names) in [("few", few), ("many", rest)] {
        for name in names {
            by.create(name)?;
        }
        settle();
        measure(makers, how_many, store, repetitions)?;
    }
    Ok(())
}

/// Times in microseconds.
#[derive(Default)]
struct Times {
    create: Vec<u64>,
    list: Vec<u64>,
    destroy: Vec<u64>,
}

fn measure(makers: &[Maker], how_many: &str, store: &str, repetitions: usize) -> Result<()> {
    let mut all: Vec<Times> = makers.iter().map(|_| Times::default()).collect();
    for _ in 0..repetitions {
        for (maker, times) in makers.iter().zip(&mut all) {
            times.create.push(maker.create(NAME)?.0);
            settle();
            times.list.push(maker.list()?);
            times.destroy.push(maker.destroy(NAME)?);
            settle();
        }
    }
    for (maker, times) in makers.iter().zip(all) {
        let who = if store == "ours" { maker.name().to_owned() } else { format!("{} on {store}", maker.name()) };
        tell(&format!("create_{how_many}"), &who, Figures::Us(times.create))?;
        tell(&format!("list_{how_many}"), &who, Figures::Us(times.list))?;
        tell(&format!("destroy_{how_many}"), &who, Figures::Us(times.destroy))?;
        if let Some(cost) = cost(*maker)? {
            tell(&format!("create_{how_many}"), &who, Figures::Cost(cost))?;
        }
    }
    Ok(())
}

/// Once more, counted and not timed. Our command line asks what the API does.
fn cost(maker: Maker) -> Result<Option<xenith_api::latest::Cost>> {
    let cost = match maker {
        Maker::Cli => return Ok(None),
        Maker::Api => maker.create(NAME)?.1,
        Maker::Xl | Maker::XlThatStays => Some(strace::count(&crowd::borrowed(&maker.create_words(NAME)?))?),
    };
    settle();
    maker.destroy(NAME)?;
    settle();
    Ok(cost)
}

fn at_once(maker: Maker, repetitions: usize) -> Result<()> {
    let names = crowd::names(AT_ONCE);
    let mut times = Vec::new();
    for _ in 0..repetitions {
        times.push(maker.create_at_once(&names)?);
        settle();
        for name in &names {
            maker.destroy(name)?;
        }
        settle();
    }
    tell("at_once", maker.name(), Figures::Us(times))
}

/// A create is slow whose kernel has to be unpacked first. Lists are asked for until it is done, and as often while nothing else happens.
fn list_beside_a_slow_create() -> Result<()> {
    // So that there is a cache.
    Maker::Api.create(NAME)?;
    forget_kernels()?;
    let meanwhile = thread::scope(|scope| {
        let create = scope.spawn(|| timed::request(API_SOCKET, "POST", timed::CREATE, &LINUX.request()));
        let mut times = Vec::new();
        while !create.is_finished() {
            times.push(list_after_a_pause()?);
        }
        create.join().map_err(|_| anyhow!("the create's thread panicked"))??;
        Ok::<_, anyhow::Error>(times)
    })?;
    settle();
    let idle = meanwhile.iter().map(|_| list_after_a_pause()).collect::<Result<_>>()?;
    tell("list_meanwhile", "api", Figures::Us(meanwhile))?;
    tell("list_idle", "api", Figures::Us(idle))?;
    for name in [LINUX.name, NAME] {
        Maker::Api.destroy(name)?;
    }
    settle();
    Ok(())
}

/// Lists one after the other would fill the processor by themselves.
fn list_after_a_pause() -> Result<u64> {
    thread::sleep(PAUSE);
    Maker::Api.list()
}

/// Of every process of ours while a domain is created, and of `xl` and its children. A config that is stored shows that the count counts.
fn waits_for_the_disk() -> Result<()> {
    let ours = processes::of(&[PROGRAM])?;
    let create = || Maker::Api.create(NAME).map(|_| settle());
    tell("syncs_of_a_create", "api", Figures::Count(syncs::during(&ours, create)?))?;
    Maker::Api.destroy(NAME)?;
    tell("syncs_of_a_create", "xl", Figures::Count(syncs::of_command(&Maker::Xl.create_words(NAME)?)?))?;
    Maker::Xl.destroy(NAME)?;
    let store = || timed::request(API_SOCKET, "PUT", &format!("/v1/configs/{NAME}"), &crowd::config(NAME)).map(|_| settle());
    tell("syncs_of_a_stored_config", "api", Figures::Count(syncs::during(&ours, store)?))
}
