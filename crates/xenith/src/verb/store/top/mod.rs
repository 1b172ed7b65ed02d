//! `xenith store top`.
//!
//! ```text
//!   Watcher: connection, the sample before --ask--> Frame: figures, and what was counted in between --> text | JSON
//!            a store that went away is looked for at every frame        screen: drawn in place until q; else printed one after the other
//! ```

use std::time::{Duration, Instant};

use clap::ValueEnum;
use xenith_api::latest::Problem;

use super::figures::{self, Figures};
use super::place::{self, Place, Store};
use crate::context::{Context, goes_on, json_line};

mod frame;
pub(in crate::verb) mod screen;

use frame::Frame;
use screen::{Screen, Woken};

/// Show who does what with the store: requests, conflicts, watches, nodes, memory
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store top                         on a terminal; q leaves\n  \
    xenith store top --batch -n 3 -d 10      three tables, ten seconds apart\n  \
    xenith store top --json -n 1 | jq '.clients[] | select(.per_second.requests > 1000)'\n\n\
    CLIENT is tools (all sockets together) or d and a domid. REFUSED are commits that met others, TX transactions that are\n\
    open, UNREAD answers and events that wait, DROPPED events that were not read. MEMORY is nodes, watches, transactions and what was not read.\n\
    A client that broke the protocol and is not listened to is marked with !. Where standard output is no terminal, --batch is meant.")]
pub struct Top {
    /// Tables one after the other instead of one that is drawn anew
    #[arg(short, long)]
    batch: bool,
    /// End after so many tables
    #[arg(short, long, value_name = "TABLES")]
    number: Option<u64>,
    /// Seconds between two tables
    #[arg(short, long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    delay: f64,
    /// What comes first
    #[arg(short = 'o', long, value_name = "FIGURE", value_enum, default_value_t = Sort::Requests)]
    sort: Sort,
    #[command(flatten)]
    place: Place,
}

/// What a table can be sorted by.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Sort {
    Requests,
    Conflicts,
    Errors,
    Events,
    Nodes,
    Watches,
    Memory,
    Client,
}

/// A delay as it is typed.
pub(in crate::verb) fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "seconds from 0.1 to 3600".to_owned())
}

impl Top {
    /// Draws or prints until it is asked to end.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let live = !self.batch && !context.json;
        let mut watcher = Watcher::new(&self.place)?;
        let mut screen = Screen::enter(live)?;
        // What a table on paper counts began a moment before it; the one on the screen comes at once, and counts from then on.
        let mut shown = 0;
        let mut first = !screen.is_live();
        while self.number.is_none_or(|number| shown < number) {
            match watcher.frame()? {
                None => screen.lost(context)?,
                Some(_) if std::mem::take(&mut first) => {}
                Some(frame) if self.show(&frame, shown, &mut screen, context)? => shown += 1,
                Some(_) => return Ok(()),
            }
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
        let text = frame.text(self.sort);
        if screen.is_live() {
            return screen.draw(&text).map(|()| true);
        }
        goes_on(format!("{}{text}", if shown > 0 { "\n" } else { "" }).as_bytes())
    }
}

/// Asks again and again.
struct Watcher<'a> {
    place: &'a Place,
    store: Option<Store>,
    before: Option<(Instant, Vec<Figures>)>,
    /// Since when no store answers.
    lost: Option<Instant>,
}

impl<'a> Watcher<'a> {
    fn new(place: &'a Place) -> Result<Watcher<'a>, Problem> {
        Ok(Watcher { store: Some(place.connect()?), place, before: None, lost: None })
    }

    /// The figures of now; `None` while no store answers, for as long as one may take.
    fn frame(&mut self) -> Result<Option<Frame>, Problem> {
        let Some(store) = self.connected()? else { return Ok(None) };
        match figures::ask(store) {
            Ok(figures) => {
                let now = Instant::now();
                let before = self.before.replace((now, figures.clone()));
                let before = before.map(|(then, figures)| (now.duration_since(then), figures));
                Ok(Some(Frame::new(figures, before)))
            }
            Err(error) if place::is_gone(&error) => {
                // A store that comes back counts from 0.
                (self.store, self.before) = (None, None);
                self.lost.get_or_insert_with(Instant::now);
                Ok(None)
            }
            Err(error) => Err(figures::problem(&error)),
        }
    }

    fn connected(&mut self) -> Result<Option<&mut Store>, Problem> {
        if self.store.is_none() {
            match self.place.connect() {
                Ok(store) => (self.store, self.lost) = (Some(store), None),
                Err(problem) if self.lost.is_none_or(|lost| lost.elapsed() > self.place.patience()) => return Err(problem),
                Err(_) => {}
            }
        }
        Ok(self.store.as_mut())
    }
}
