//! `cargo xtask test`: every check there is, stage by stage, and a count at the end.
//!
//! ```text
//!  setup -> format -> lint -> tidy -> unit -> peers -> fuzz -> simulator -> schemathesis -> lab -> stock -> kill -> replace
//!                                                                                  (4.14, 4.17 and 4.20 side by side)
//! ```
//!
//! A stage that fails does not stop the ones behind it, setup apart. A new stage is one line in [`STAGES`].

use std::time::Instant;

use anyhow::{Result, bail, ensure};

mod house;
mod peers;
mod stages;
mod tally;

use house::House;
use tally::Tally;

/// Which stages to run.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only these stages, by name; setup does what they need.
    #[arg(long, value_delimiter = ',', value_name = "STAGE")]
    only: Vec<String>,
    /// The releases of the lab stage; all of the lab's without a word.
    #[arg(long, value_delimiter = ',', value_name = "RELEASE")]
    xen: Vec<String>,
    /// Name the stages and end.
    #[arg(long)]
    list: bool,
}

/// A stage: its name, what it checks, and the check.
struct Stage {
    name: &'static str,
    about: &'static str,
    run: fn(&mut House) -> Result<Tally>,
}

const STAGES: [Stage; 14] = [
    Stage { name: "setup", about: "host packages, kernels and images of the lab", run: stages::setup },
    Stage { name: "format", about: "cargo fmt", run: stages::format },
    Stage { name: "lint", about: "clippy, warnings denied", run: stages::lint },
    Stage { name: "tidy", about: "the house's invariants", run: stages::tidy },
    Stage { name: "unit", about: "unit and property tests", run: stages::unit },
    Stage {
        name: "peers",
        about: "Xen's own suite on ours; random scripts on ours and stock; one after the other in one process",
        run: peers::run,
    },
    Stage { name: "fuzz", about: "every parser of hostile bytes, a minute each", run: stages::fuzz },
    Stage { name: "simulator", about: "the stories on the simulator", run: stages::simulator },
    Stage {
        name: "schemathesis",
        about: "random requests from the API's document on the simulator, five minutes",
        run: stages::schemathesis,
    },
    Stage { name: "lab", about: "the stories on real Xen", run: stages::lab },
    Stage { name: "stock", about: "stock xl and a stock guest on our store, beside the stock store", run: stages::stock },
    Stage {
        name: "beside",
        about: "our control beside stock xl: adoption, drift, names, soft reset, memory on demand",
        run: stages::beside,
    },
    Stage { name: "kill", about: "the store's worker is killed under a guest that misses nothing", run: stages::kill },
    Stage { name: "replace", about: "the store is replaced under a guest that misses nothing", run: stages::replace },
];

/// Runs the stages and prints what came of them.
pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        STAGES.iter().for_each(|stage| println!("{:12} {}", stage.name, stage.about));
        return Ok(());
    }
    let chosen = choose(&arguments.only)?;
    let mut house = House::new(&arguments.xen)?;
    let mut ended = Vec::new();
    for stage in chosen {
        let (tally, seconds) = one(stage, &mut house);
        let lost = stage.name == "setup" && !tally.failed.is_empty();
        ended.push((stage.name, tally, seconds));
        if lost {
            break;
        }
    }
    house.progress.done();
    summary(&ended)
}

fn choose(only: &[String]) -> Result<Vec<&'static Stage>> {
    if let Some(stranger) = only.iter().find(|name| STAGES.iter().all(|stage| stage.name != name.as_str())) {
        let known: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("no stage is called {stranger}; there are {}", known.join(", "));
    }
    Ok(STAGES.iter().filter(|stage| only.is_empty() || only.iter().any(|name| name == stage.name)).collect())
}

/// An error of a stage is one failed check with the stage's name.
fn one(stage: &Stage, house: &mut House) -> (Tally, f64) {
    println!("\n== {}: {}", stage.name, stage.about);
    let began = Instant::now();
    let tally = (stage.run)(house).unwrap_or_else(|error| Tally::failed(format!("{error:#}")));
    let seconds = began.elapsed().as_secs_f64();
    println!("== {}: {tally}, {seconds:.1} s", stage.name);
    (tally, seconds)
}

fn summary(ended: &[(&str, Tally, f64)]) -> Result<()> {
    println!("\n== summary");
    let mut all = Tally::default();
    for (name, tally, seconds) in ended {
        println!("{name:12} {seconds:7.1} s  {tally}");
        let named = |all: &[String]| all.iter().map(|what| format!("{name}: {what}")).collect();
        all = all.and(Tally { passed: tally.passed, failed: named(&tally.failed), skipped: named(&tally.skipped) });
    }
    all.skipped.iter().for_each(|what| println!("skipped  {what}"));
    all.failed.iter().for_each(|what| println!("FAILED   {what}"));
    println!("{all}");
    ensure!(all.failed.is_empty(), "{} checks failed", all.failed.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_chosen_by_name() {
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|&name| name.to_owned()).collect();
            choose(&only).map(|stages| stages.iter().map(|stage| stage.name).collect::<Vec<_>>()).map_err(|error| error.to_string())
        };
        assert_eq!(names(&["tidy", "format"]), Ok(vec!["format", "tidy"]));
        assert_eq!(names(&[]).map(|all| all.len()), Ok(STAGES.len()));
        assert!(names(&["tidi"]).is_err_and(|error| error.starts_with("no stage is called tidi; there are setup, format")));
    }
}
