//! `xenith top`.
//!
//! ```text
//!   list, host --> Sample --and the one before--> Frame --> text | JSON        screen: drawn in place until q; else printed one after the other
//! ```

use std::time::{Duration, Instant};

use clap::ValueEnum;
use xenith_api::latest::Problem;

use super::store::top::screen::{Screen, Woken};
use crate::context::{Context, goes_on, json_line};

mod frame;

use frame::{Frame, Sample};

/// Show what the domains do: CPU, memory, state
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith top                         on a terminal; q leaves\n  \
    xenith top --batch -n 3 -d 10      three tables, ten seconds apart\n  \
    xenith top --json -n 1 | jq '.domains[] | select(.cpu_percent > 50)'\n\n\
    CPU is the time that its vcpus ran, as a part of one physical CPU: 200 % is two of them. Where standard output is no terminal, --batch is meant.")]
pub struct Top {
    /// Tables one after the other instead of one that is drawn anew
    #[arg(short, long)]
    batch: bool,
    /// End after so many tables
    #[arg(short, long, value_name = "TABLES")]
    number: Option<u64>,
    /// Seconds between two tables
    #[arg(short, long, value_name = "SECONDS", default_value_t = 2.0, value_parser = super::store::top::seconds)]
    delay: f64,
    /// What comes first
    #[arg(short = 'o', long, value_name = "FIGURE", value_enum, default_value_t = Sort::Cpu)]
    sort: Sort,
}

/// What a table can be sorted by.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Sort {
    Cpu,
    Memory,
    Name,
    Domid,
}

impl Top {
    /// Draws or prints until it is asked to end.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let client = context.client();
        let mut screen = Screen::enter(!self.batch && !context.json)?;
        let mut before: Option<Sample> = None;
        let mut shown = 0;
        while self.number.is_none_or(|number| shown < number) {
            let now = Sample { at: Instant::now(), domains: client.list()?, host: client.host()? };
            // What a table on paper counts began a moment before it; the one on the screen comes at once, and counts from then on.
            if before.is_some() || screen.is_live() {
                if !self.show(&Frame::new(&now, before.as_ref(), self.sort), shown, &mut screen, context)? {
                    return Ok(());
                }
                shown += 1;
            }
            before = Some(now);
            let last = self.number.is_some_and(|number| shown >= number);
            if !last && screen.wait(Duration::from_secs_f64(self.delay)) == Woken::End {
                break;
            }
        }
        Ok(())
    }

    /// `false` where nobody reads any more.
    fn show(&self, frame: &Frame, shown: u64, screen: &mut Screen, context: &Context) -> Result<bool, Problem> {
        if context.json {
            return goes_on(&json_line(frame)?);
        }
        let text = frame.text();
        if screen.is_live() {
            return screen.draw(&text).map(|()| true);
        }
        goes_on(format!("{}{text}", if shown > 0 { "\n" } else { "" }).as_bytes())
    }
}
