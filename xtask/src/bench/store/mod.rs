//! `cargo xtask bench store`: ours as shipped beside stock C xenstored and oxenstored, on plain Linux, in one run.
//!
//! ```text
//!   for each figure:  echo, ours, C, oxenstored start -> each is measured in turn, so many times -> medians -> ratios, and what they must be
//! ```
//!
//! Times mean little on a busy machine; ratios of one run do. The write with 120 guests needs Xen: `cargo xtask bench guests`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use comfy_table::Table;
use lab::{Cache, Progress, Release, peer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::dist;

mod client;
mod contention;
mod daemon;
mod echo;
mod figure;
mod pause;
mod requests;
mod scale;

use daemon::{Daemon, Who};
use figure::{FIGURES, Figure, Outcome};

/// The stock programs' release.
const STOCK: &str = "4.20";

/// How to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// Measurements of each; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    repetitions: u32,
    /// Only figures whose name has this in it.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// A line of JSON for each figure, and no table.
    #[arg(long)]
    json: bool,
    /// This program instead of a release build.
    #[arg(long, value_name = "FILE")]
    xenith: Option<PathBuf>,
    /// Be the echo at this socket.
    #[arg(long, hide = true, value_name = "SOCKET")]
    echo: Option<PathBuf>,
}

/// Measures, and fails where a figure is not what it must be.
pub fn run(arguments: &Arguments) -> Result<()> {
    if let Some(socket) = &arguments.echo {
        return echo::run(socket);
    }
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).context("raise the limit on open files")?;
    let programs = programs(arguments)?;
    let wanted = |figure: &&Figure| arguments.only.as_ref().is_none_or(|text| figure.name.contains(text.as_str()));
    let outcomes: Vec<Outcome<'_>> =
        FIGURES.iter().filter(wanted).map(|figure| measure(figure, &programs, arguments.repetitions)).collect::<Result<_>>()?;
    if arguments.json {
        outcomes.iter().for_each(|outcome| println!("{}", outcome.json()));
    } else {
        let mut table = Table::new();
        table.set_header(["", "echo", "ours", "C", "oxenstored", "against", "is", "must", "aim", "reached"]);
        table.add_rows(outcomes.iter().map(Outcome::row));
        println!("{table}");
    }
    let missed: Vec<&str> = outcomes.iter().filter(|outcome| outcome.met() == "MISSED").map(|outcome| outcome.figure.name).collect();
    ensure!(missed.is_empty(), "not what it must be: {}", missed.join("; "));
    Ok(())
}

fn programs(arguments: &Arguments) -> Result<BTreeMap<Who, PathBuf>> {
    let release = Release::named(STOCK).context("no such release")?;
    let progress = Progress::new();
    let stock = peer::peer(&release, &Cache::open()?, &progress)?;
    progress.done();
    let ours = arguments.xenith.clone().map_or_else(|| dist::binary("xenith").map(|built| built.path), Ok)?;
    let own = std::env::current_exe().context("find this program")?;
    Ok(BTreeMap::from([(Who::Echo, own), (Who::Ours, ours), (Who::C, stock.xenstored), (Who::Oxenstored, stock.oxenstored)]))
}

fn measure<'a>(figure: &'a Figure, programs: &BTreeMap<Who, PathBuf>, repetitions: u32) -> Result<Outcome<'a>> {
    let programs =
        programs.iter().filter(|(who, _)| (figure.echo || **who != Who::Echo) && (figure.oxenstored || **who != Who::Oxenstored));
    let daemons: Vec<Daemon> = programs.map(|(who, program)| Daemon::start(*who, program)).collect::<Result<_>>()?;
    let mut all: BTreeMap<Who, Vec<f64>> = BTreeMap::new();
    for _ in 0..if figure.once { 1 } else { repetitions } {
        for daemon in &daemons {
            let figure = (figure.measure)(daemon).with_context(|| format!("{}, {:?}", figure.name, daemon.who))?;
            all.entry(daemon.who).or_default().push(figure);
        }
    }
    eprintln!("{}: {all:.2?}", figure.name);
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Ok(Outcome { figure, medians: all.into_iter().map(|(who, values)| (who, median(values))).collect() })
}
