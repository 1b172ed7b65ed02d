//! Tells the stories in dom0 on real Xen, or on the simulator:
//!
//! ```text
//!   scenarios lab [NAME...]                      in dom0, with the binary of /usr/bin/xenith
//!   scenarios sim [NAME...] [--xen 4.17]         anywhere
//!   scenarios serve [--xen 4.17]                 a simulated host with its API on a port of the loopback, until stdin ends
//!   scenarios follow SOCKET FILE                 a client of the event log that can be killed
//!   scenarios list
//!   scenarios bench create|grow|guests|memory    in dom0, with the stock tools beside: figures instead of a story
//!   scenarios witness guest|dom0 DOMID           two that talk through the store while it is replaced
//! ```
//!
//! One line for each story, as the lab's host reads it: `XENITH-LAB: scenario NAME ok|failed REASON`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use scenarios::bench;
use scenarios::follow;
use scenarios::lab_world::LabWorld;
use scenarios::serve;
use scenarios::sim_world::{self, SimWorld};
use scenarios::stories::{self, Story};
use scenarios::witness;
use scenarios::world::World;
use xen_abi::Release;

#[derive(Parser)]
#[command(name = "scenarios", about = "Stories on the simulator and in the lab")]
struct Arguments {
    #[command(subcommand)]
    place: Place,
}

#[derive(Subcommand)]
enum Place {
    /// In dom0 on real Xen.
    Lab {
        /// Stories by name; all without one.
        names: Vec<String>,
    },
    /// On the simulator.
    Sim {
        /// Stories by name; all without one.
        names: Vec<String>,
        /// The release to answer as.
        #[arg(long, default_value = "4.20")]
        xen: String,
    },
    /// A simulated host with its API on a port of the loopback, until standard input ends.
    Serve {
        /// The release to answer as.
        #[arg(long, default_value = "4.20")]
        xen: String,
        /// Where its files are; its state outlives it there.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Writes the events of the API at this socket into a file as they come, on from what the file holds.
    Follow {
        /// The API's socket.
        socket: PathBuf,
        /// The file.
        file: PathBuf,
    },
    /// Names every story.
    List,
    /// Measures in dom0 on real Xen, with the stock tools beside.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Talks through the store, and misses nothing while it is replaced.
    Witness {
        #[command(subcommand)]
        part: Part,
    },
}

#[derive(Subcommand)]
enum Part {
    /// In the guest, through its kernel.
    Guest,
    /// In dom0, through the socket, while /run/witness is there.
    Dom0 {
        /// The guest.
        domid: u16,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// Create and destroy, by xl and by us.
    Create {
        /// How often; the host drops the first.
        #[arg(long, default_value_t = 6)]
        repetitions: usize,
        /// Without the Debian guest.
        #[arg(long)]
        quick: bool,
    },
    /// Write to the store that runs, without guests and with them.
    Guests {
        /// Whose store it is.
        who: String,
        /// How many guests.
        #[arg(long, default_value_t = 120)]
        guests: usize,
        /// How often; the host drops the first.
        #[arg(long, default_value_t = 11)]
        repetitions: usize,
    },
    /// Create, list and destroy beside few domains and beside many.
    Grow {
        /// `ours` starts ours and measures both toolstacks; another is the store that runs, and xl is measured.
        store: String,
        /// How many are many.
        #[arg(long, default_value_t = 120)]
        domains: usize,
        /// How often; the host drops the first.
        #[arg(long, default_value_t = 6)]
        repetitions: usize,
    },
    /// The memory of every process.
    Memory {
        /// `ours`, which are started, or `stock`, which run.
        who: String,
        /// How many domains.
        #[arg(long, default_value_t = 120)]
        domains: usize,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().place) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Gives the number of stories that failed.
fn run(place: Place) -> Result<usize> {
    match place {
        Place::Lab { names } => {
            let chosen = choose(&names)?;
            let mut world = LabWorld::start()?;
            stories::warm_up(&mut world)?;
            let failed = tell_all(&mut world, &chosen);
            Ok(failed + outcome("stop", world.stop()))
        }
        Place::Sim { names, xen } => {
            sim_world::log();
            Ok(tell_all(&mut SimWorld::start(release(&xen)?)?, &choose(&names)?))
        }
        Place::Serve { xen, dir } => serve::serve(release(&xen)?, dir).map(|()| 0),
        Place::Follow { socket, file } => follow::follow(&socket, &file).map(|()| 0),
        Place::List => {
            for story in stories::ALL {
                println!("{:16} {}", story.name, story.about);
            }
            Ok(0)
        }
        Place::Bench { what: Bench::Create { repetitions, quick } } => bench::create(repetitions, quick).map(|()| 0),
        Place::Bench { what: Bench::Guests { who, guests, repetitions } } => bench::guests(&who, guests, repetitions).map(|()| 0),
        Place::Bench { what: Bench::Grow { store, domains, repetitions } } => bench::grow(&store, domains, repetitions).map(|()| 0),
        Place::Bench { what: Bench::Memory { who, domains } } => bench::memory(&who, domains).map(|()| 0),
        Place::Witness { part: Part::Guest } => witness::guest().map(|()| 0),
        Place::Witness { part: Part::Dom0 { domid } } => {
            println!("{}", witness::dom0(domid)?);
            Ok(0)
        }
    }
}

fn release(xen: &str) -> Result<Release> {
    Release::named(xen).with_context(|| format!("Xen {xen} is not in the table"))
}

fn choose(names: &[String]) -> Result<Vec<&'static Story>> {
    if names.is_empty() {
        return Ok(stories::ALL.iter().collect());
    }
    names.iter().map(|name| stories::named(name)).collect()
}

fn tell_all(world: &mut dyn World, chosen: &[&Story]) -> usize {
    chosen.iter().map(|story| outcome(story.name, stories::tell(world, story))).sum()
}

fn outcome(name: &str, result: Result<()>) -> usize {
    match result {
        Ok(()) => println!("XENITH-LAB: scenario {name} ok"),
        Err(ref error) => println!("XENITH-LAB: scenario {name} failed {}", format!("{error:#}").replace('\n', "; ")),
    }
    usize::from(result.is_err())
}
