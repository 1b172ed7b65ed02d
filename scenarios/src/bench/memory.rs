//! `scenarios bench memory`: what the processes of a toolstack hold with no domain, with many, and after them.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::crowd::{self, Maker};
use super::{Figures, tell};
use crate::lab_world::{LabWorld, PROGRAM};
use crate::processes;

/// Ours: one program, a process for each role.
const OURS: &[&str] = &[PROGRAM];
/// The stock ones: `xl` stays behind for each domain, to see its end.
const STOCK: &[&str] = &["xl", "xenstored", "xenconsoled"];
/// How long everybody may go on after the last domain came or went. Idle time costs nothing where instructions are counted.
const REST: Duration = Duration::from_secs(5);

/// Measures ours, which are started here, or the stock ones, which run.
pub fn memory(who: &str, domains: usize) -> Result<()> {
    let (programs, maker, world) = match who {
        "stock" => (STOCK, Maker::XlThatStays, None),
        _ => (OURS, Maker::Api, Some(LabWorld::start()?)),
    };
    look("pss_kib_alone", who, programs)?;
    let names = crowd::names(domains);
    for name in &names {
        maker.create(name)?;
    }
    look("pss_kib_with_domains", who, programs)?;
    for name in &names {
        maker.destroy(name)?;
    }
    look("pss_kib_after", who, programs)?;
    world.map_or(Ok(()), LabWorld::stop)
}

/// Tells the sum, and for a person what each has of it.
fn look(case: &str, who: &str, programs: &[&str]) -> Result<()> {
    thread::sleep(REST);
    let mut each: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for process in processes::of(programs)? {
        let (count, kib) = each.entry(process.name.clone()).or_default();
        *count += 1;
        *kib += process.pss_kib()?;
    }
    for (name, (count, kib)) in &each {
        println!("{case} {who}: {count} {name}, {kib} KiB");
    }
    tell(case, who, Figures::Count(each.values().map(|(_, kib)| kib).sum()))
}
