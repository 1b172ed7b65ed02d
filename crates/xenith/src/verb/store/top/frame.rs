//! One table: what is, and what was counted since the one before.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;

use super::super::figures::Figures;
use super::Sort;
use crate::table::{self, printable};

/// Figures that only grow: their rate is what one wants to see.
const COUNTED: [&str; 6] = ["requests", "commits", "conflicts", "errors", "events", "dropped"];

/// A client, or the whole.
#[derive(Debug, Default, Serialize)]
struct Row {
    #[serde(flatten)]
    now: Figures,
    /// What was counted since the table before, each second; empty where there was none.
    per_second: BTreeMap<&'static str, f64>,
}

/// The store at one moment.
#[derive(Debug, Serialize)]
pub struct Frame {
    store: Row,
    clients: Vec<Row>,
}

impl Frame {
    /// From what is, and what was so long ago.
    pub fn new(now: Vec<Figures>, before: Option<(Duration, Vec<Figures>)>) -> Frame {
        let (elapsed, before) = before.unwrap_or_default();
        let before: HashMap<String, Figures> = before.into_iter().map(|one| (one.client.clone(), one)).collect();
        let rows = now.into_iter().map(|now| Row { per_second: rates(&now, before.get(&now.client), elapsed), now });
        let (whole, clients): (Vec<Row>, Vec<Row>) = rows.partition(|row| row.now.client == "store");
        Frame { store: whole.into_iter().next().unwrap_or_default(), clients }
    }

    /// As a person reads it.
    pub fn text(&self, sort: Sort) -> String {
        let mut rows: Vec<&Row> = self.clients.iter().collect();
        rows.sort_by_key(|row| Reverse(row.weight(sort)));
        self.summary() + &table::text(HEADER, rows.into_iter().map(Row::cells), &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    }

    fn summary(&self) -> String {
        let of = |key| self.store.now.get(key);
        format!(
            "store: {} nodes, {} watches, {} transactions, {} domains, {} clients, {}; {} requests/s, {} refused/s\n",
            of("nodes"),
            of("watches"),
            of("transactions"),
            of("domains"),
            of("clients"),
            bytes(of("memory")),
            self.store.rate("requests"),
            self.store.rate("conflicts"),
        )
    }
}

/// What one looks for first stands where narrow terminals show it.
const HEADER: [&str; 13] =
    ["CLIENT", "NAME", "REQ/s", "REFUSED/s", "WATCHES", "NODES", "MEMORY", "TX", "UNREAD", "EVENT/s", "DROPPED", "COMMIT/s", "ERROR/s"];

/// What was counted each second. A counter that went back began anew.
fn rates(now: &Figures, before: Option<&Figures>, elapsed: Duration) -> BTreeMap<&'static str, f64> {
    let Some(before) = before.filter(|_| !elapsed.is_zero()) else { return BTreeMap::new() };
    let rate = |key| {
        let counted = now.get(key).saturating_sub(before.get(key)) as f64;
        (key, (counted / elapsed.as_secs_f64() * 10.0).round() / 10.0)
    };
    COUNTED.into_iter().filter(|key| now.values.contains_key(*key)).map(rate).collect()
}

impl Row {
    fn cells(&self) -> [String; 13] {
        let of = |key| self.now.get(key).to_string();
        let broken = if self.now.get("broken") > 0 { "!" } else { "" };
        [
            printable(&self.now.client) + broken,
            self.now.name.as_deref().map_or("-".to_owned(), printable),
            self.rate("requests"),
            self.rate("conflicts"),
            of("watches"),
            of("nodes"),
            bytes(self.now.get("memory")),
            of("transactions"),
            of("outstanding"),
            self.rate("events"),
            of("dropped"),
            self.rate("commits"),
            self.rate("errors"),
        ]
    }

    fn rate(&self, key: &str) -> String {
        self.per_second.get(key).map_or("-".to_owned(), |rate| if *rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") })
    }

    /// Rates in tenths, then what was counted in all; figures as they are.
    fn weight(&self, sort: Sort) -> (u64, u64) {
        let counted = |key: &str| ((self.per_second.get(key).copied().unwrap_or_default() * 10.0) as u64, self.now.get(key));
        match sort {
            Sort::Requests => counted("requests"),
            Sort::Conflicts => counted("conflicts"),
            Sort::Errors => counted("errors"),
            Sort::Events => counted("events"),
            Sort::Nodes => (self.now.get("nodes"), 0),
            Sort::Watches => (self.now.get("watches"), 0),
            Sort::Memory => (self.now.get("memory"), 0),
            Sort::Client => (0, 0),
        }
    }
}

/// Bytes in a unit that keeps them short.
fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(client: &str, name: Option<&str>, values: &[(&str, u64)]) -> Figures {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
        Figures { client: client.to_owned(), name: name.map(str::to_owned), values }
    }

    fn sample(requests: u64) -> Vec<Figures> {
        vec![
            figures("store", None, &[("nodes", 12), ("memory", 2048), ("requests", requests + 3)]),
            figures("tools", None, &[("requests", 3), ("watches", 1)]),
            figures("d5", Some("we\u{1b}b"), &[("requests", requests), ("memory", 1500), ("broken", 1)]),
        ]
    }

    #[test]
    fn a_table_counts_from_the_one_before() {
        let first = Frame::new(sample(10), None).text(Sort::Requests);
        assert!(first.starts_with("store: 12 nodes, 0 watches, 0 transactions, 0 domains, 0 clients, 2.0 KiB; - requests/s"), "{first}");
        let second = Frame::new(sample(50), Some((Duration::from_secs(2), sample(10))));
        let text = second.text(Sort::Requests);
        let words = |line: usize| text.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(2), ["d5!", "we\\u{1b}b", "20", "-", "0", "0", "1.5", "KiB", "0", "0", "-", "0", "-", "-"]);
        assert_eq!(words(3), ["tools", "-", "0.0", "-", "1", "0", "0", "B", "0", "0", "-", "0", "-", "-"]);
        let json = serde_json::to_value(&second).unwrap();
        assert_eq!((&json["clients"][1]["per_second"]["requests"], &json["clients"][1]["name"]), (&20.0.into(), &"we\u{1b}b".into()));
        assert_eq!(second.text(Sort::Watches).lines().nth(2).map(|line| line.starts_with("tools")), Some(true));
    }

    #[test]
    fn counters_that_begin_anew_are_no_rate() {
        let frame = Frame::new(sample(1), Some((Duration::from_secs(1), sample(100))));
        assert_eq!(frame.clients[1].per_second["requests"], 0.0);
    }
}
