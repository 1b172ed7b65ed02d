//! `scenarios bench create`: a domain by `xl`, by our API and by our command line, in turn.

use std::fs;

use anyhow::{Context, Result, ensure};
use xenith_api::latest::{Cost, CreateResponse};

use super::peer::{Guest, LINUX, TINY};
use super::{Figures, settle, strace, tell, timed};
use crate::lab_world::{API_SOCKET, BINARY, LabWorld};

/// Where control keeps unpacked kernels.
const KERNEL_CACHE: &str = "/var/cache/xenith/kernels";
/// Where `xl` keeps its locks; its own init script makes it.
const XL_RUN: &str = "/run/xen";

/// Unpacking takes most of a bench's time and varies by nothing: a few creates with an empty cache say all there is.
const FIRST_CREATES: usize = 3;

/// Measures, and tells every result.
pub fn create(repetitions: usize, quick: bool) -> Result<()> {
    fs::create_dir_all(XL_RUN).with_context(|| format!("create {XL_RUN}"))?;
    let world = LabWorld::start()?;
    tiny(repetitions)?;
    if !quick {
        linux(repetitions)?;
    }
    world.stop()
}

/// Times of a create and its destroy, in microseconds.
#[derive(Default)]
struct Times {
    create: Vec<u64>,
    destroy: Vec<u64>,
}

impl Times {
    fn push(&mut self, (create, destroy): (u64, u64)) {
        self.create.push(create);
        self.destroy.push(destroy);
    }

    fn tell(self, who: &str) -> Result<()> {
        tell("create", who, Figures::Us(self.create))?;
        tell("destroy", who, Figures::Us(self.destroy))
    }
}

fn tiny(repetitions: usize) -> Result<()> {
    let (xl_file, own_file) = (TINY.xl_file()?, TINY.own_file()?);
    let [mut xl, mut api, mut cli] = [(); 3].map(|()| Times::default());
    for _ in 0..repetitions {
        xl.push(by_xl(&TINY, &xl_file)?);
        let (create, destroy, _) = by_api(&TINY)?;
        api.push((create, destroy));
        cli.push(by_command_line(&TINY, &own_file)?);
    }
    xl.tell("xl")?;
    api.tell("api")?;
    cli.tell("cli")?;
    let (_, _, cost) = by_api(&TINY)?;
    tell("create", "api", Figures::Cost(cost))?;
    tell("create", "xl", Figures::Cost(strace::count(&["xl", "create", "-p", "-e", &xl_file])?))?;
    tell("destroy", "xl", Figures::Cost(strace::count(&["xl", "destroy", TINY.name])?))
}

fn linux(repetitions: usize) -> Result<()> {
    let xl_file = LINUX.xl_file()?;
    let [mut xl, mut first, mut second] = [(); 3].map(|()| Vec::new());
    for repetition in 0..repetitions {
        xl.push(by_xl(&LINUX, &xl_file)?.0);
        if repetition < FIRST_CREATES {
            forget_kernels()?;
            first.push(by_api(&LINUX)?.0);
        }
        let (again, _, cost) = by_api(&LINUX)?;
        second.push(again);
        if second.len() == repetitions {
            tell("linux", "second", Figures::Cost(cost))?;
        }
    }
    tell("linux", "xl", Figures::Us(xl))?;
    tell("linux", "first", Figures::Us(first))?;
    tell("linux", "second", Figures::Us(second))
}

fn by_xl(guest: &Guest<'_>, file: &str) -> Result<(u64, u64)> {
    let create = timed::command(&["xl", "create", "-p", "-e", file])?;
    settle();
    let destroy = timed::command(&["xl", "destroy", guest.name])?;
    settle();
    Ok((create, destroy))
}

fn by_command_line(guest: &Guest<'_>, file: &str) -> Result<(u64, u64)> {
    let create = timed::command(&[BINARY, "create", "--paused", file])?;
    settle();
    let destroy = timed::command(&[BINARY, "destroy", guest.name])?;
    settle();
    Ok((create, destroy))
}

fn by_api(guest: &Guest<'_>) -> Result<(u64, u64, Cost)> {
    let created = timed::request(API_SOCKET, "POST", timed::CREATE, &guest.request())?;
    settle();
    let destroyed = timed::request(API_SOCKET, "DELETE", &timed::destroy(guest.name), "")?;
    settle();
    let answer: CreateResponse = serde_json::from_slice(&created.body).context("the answer to a create")?;
    let cost = answer.cost.context("a create without its cost")?;
    ensure!(answer.domain.is_some_and(|domain| domain.name == guest.name), "another domain was created");
    Ok((created.us, destroyed.us, cost))
}

/// Forgets every unpacked kernel.
pub(super) fn forget_kernels() -> Result<()> {
    for entry in fs::read_dir(KERNEL_CACHE).with_context(|| format!("list {KERNEL_CACHE}"))? {
        let path = entry?.path();
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}
