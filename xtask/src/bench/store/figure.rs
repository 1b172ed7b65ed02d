//! One line of the table: what is measured, and what it must be.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::daemon::{Daemon, Who};
use super::{contention, pause, requests, scale};

/// What ours is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// The figure itself.
    Bound,
    /// Its ratio to that of another.
    Other(Who),
}

/// A figure of the table.
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    pub measure: fn(&Daemon) -> Result<f64>,
    pub against: Against,
    pub must: f64,
    pub aim: f64,
    pub more_is_better: bool,
    /// Whether a bare echo can be measured in the same way.
    pub echo: bool,
    /// Whether oxenstored can.
    pub oxenstored: bool,
    /// Measured once, on account of its length.
    pub once: bool,
}

const LESS: Figure = Figure {
    name: "",
    unit: "",
    measure: requests::read_us,
    against: Against::Bound,
    must: 0.0,
    aim: 0.0,
    more_is_better: false,
    echo: false,
    oxenstored: true,
    once: false,
};
const MORE: Figure = Figure { more_is_better: true, ..LESS };
const C: Against = Against::Other(Who::C);

/// All that need no Xen.
pub const FIGURES: [Figure; 11] = [
    Figure { name: "read", unit: "us p50", against: Against::Other(Who::Echo), must: 1.5, aim: 1.3, echo: true, ..LESS },
    Figure { name: "read, CPU", unit: "us", measure: requests::read_cpu_us, against: C, must: 0.9, aim: 0.6, echo: true, ..LESS },
    Figure { name: "write, CPU", unit: "us", measure: requests::write_cpu_us, against: C, must: 0.9, aim: 0.6, echo: true, ..LESS },
    Figure { name: "pipelined reads", unit: "per s", measure: requests::pipelined, against: C, must: 1.5, aim: 3.0, echo: true, ..MORE },
    Figure { name: "8 on one node, worst over best", measure: contention::worst_over_best, must: 0.3, aim: 0.5, ..MORE },
    Figure { name: "8 on one node, commits", unit: "per s", measure: contention::commits, against: C, must: 1.0, aim: 1.0, ..MORE },
    Figure { name: "8 make siblings, refused", unit: "%", measure: contention::siblings_refused, must: 1.0, aim: 0.0, ..LESS },
    Figure { name: "write CPU, 30,000 watches over 100", measure: scale::watches, must: 1.5, aim: 1.3, ..LESS },
    Figure { name: "read CPU, 10,000 idle (stock 1,000) over 1", measure: scale::idle, must: 1.5, aim: 1.2, ..LESS },
    Figure { name: "memory of a node at 500,000", unit: "bytes", measure: scale::node_bytes, must: 250.0, aim: 200.0, once: true, ..LESS },
    // oxenstored's goes by a file of text and its own asker's patience.
    Figure {
        name: "pause of a live update at 20,000",
        unit: "ms",
        measure: pause::live_update,
        must: 50.0,
        aim: 20.0,
        oxenstored: false,
        ..LESS
    },
];

/// A figure with its medians.
pub struct Outcome<'a> {
    pub figure: &'a Figure,
    pub medians: BTreeMap<Who, f64>,
}

impl Outcome<'_> {
    /// What is held against the bounds.
    fn judged(&self) -> Option<f64> {
        let ours = *self.medians.get(&Who::Ours)?;
        match self.figure.against {
            Against::Bound => Some(ours),
            Against::Other(who) => Some(ours / *self.medians.get(&who)?),
        }
    }

    /// `aim`, `must`, or `MISSED`; nothing where it could not be measured.
    pub fn met(&self) -> &'static str {
        let Figure { must, aim, more_is_better, .. } = *self.figure;
        let reaches = |judged: f64, bound: f64| if more_is_better { judged >= bound } else { judged <= bound };
        match self.judged() {
            Some(judged) if reaches(judged, aim) => "aim",
            // The other way to the aim for a request's processor.
            Some(_) if aim < 0.7 && self.over_echo().is_some_and(|ratio| ratio <= 1.2) => "aim",
            Some(judged) if reaches(judged, must) => "must",
            Some(_) => "MISSED",
            None => "",
        }
    }

    fn over_echo(&self) -> Option<f64> {
        Some(*self.medians.get(&Who::Ours)? / *self.medians.get(&Who::Echo)?)
    }

    /// The row of the table.
    pub fn row(&self) -> Vec<String> {
        let of = |who| self.medians.get(&who).map_or(String::new(), |figure| shown(*figure));
        let Figure { name, unit, must, aim, .. } = *self.figure;
        let against = match self.figure.against {
            Against::Bound => "",
            Against::Other(Who::Echo) => "echo",
            Against::Other(_) => "C",
        };
        let medians = [Who::Echo, Who::Ours, Who::C, Who::Oxenstored].map(of);
        let judged = self.judged().map_or(String::new(), |judged| format!("{judged:.3}"));
        let name = [name, unit].join(" ");
        let rest = [against.to_owned(), judged, must.to_string(), aim.to_string(), self.met().to_owned()];
        [name.trim_end().to_owned()].into_iter().chain(medians).chain(rest).collect()
    }

    /// The line of JSON.
    pub fn json(&self) -> Value {
        let Figure { name, unit, must, aim, .. } = self.figure;
        let of = |who| self.medians.get(&who);
        json!({
            "bench": "store", "figure": name, "unit": unit, "echo": of(Who::Echo), "ours": of(Who::Ours), "c": of(Who::C),
            "oxenstored": of(Who::Oxenstored), "judged": self.judged(), "must": must, "aim": aim, "met": self.met(),
        })
    }
}

fn shown(figure: f64) -> String {
    if figure >= 100.0 { format!("{figure:.0}") } else { format!("{figure:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(index: usize, medians: &[(Who, f64)]) -> &'static str {
        Outcome { figure: FIGURES.get(index).unwrap(), medians: medians.iter().copied().collect() }.met()
    }

    #[test]
    fn figures_are_held_against_their_bounds() {
        let processor = |ours| met(1, &[(Who::Ours, ours), (Who::C, 10.0), (Who::Echo, 6.0)]);
        assert_eq!([6.0, 7.2, 9.0, 9.1].map(processor), ["aim", "aim", "must", "MISSED"]);
        let pipelined = |ours| met(3, &[(Who::Ours, ours), (Who::C, 10.0)]);
        assert_eq!([30.0, 15.0, 14.0].map(pipelined), ["aim", "must", "MISSED"]);
        assert_eq!(met(9, &[(Who::Ours, 251.0)]), "MISSED");
        assert_eq!(met(1, &[(Who::Ours, 1.0)]), "", "nothing to hold it against");
    }
}
