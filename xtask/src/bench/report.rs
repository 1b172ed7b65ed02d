//! What a bench says: a table for a person, a JSON line for each figure, and what was missed.

use std::fmt::Write as _;

use anyhow::Result;
use comfy_table::Table;
use serde_json::Value;

use super::metric::{Met, Metric};

/// Prints the table and the lines; `about` is said in every line.
///
/// # Errors
/// When a figure cannot be written as JSON.
pub fn print(metrics: &[Metric], about: &Value) -> Result<()> {
    println!("{}", table(metrics));
    print!("{}", lines(metrics, about)?);
    Ok(())
}

/// The figures that must be better.
pub fn missed(metrics: &[Metric], release: &str) -> Vec<String> {
    let missed = metrics.iter().filter(|metric| metric.met == Met::Missed);
    missed.map(|metric| format!("{} on {release}", metric.metric)).collect()
}

/// The host's load over the last minute.
pub fn host_load() -> Option<f64> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    load.split(' ').next()?.parse().ok()
}

fn table(metrics: &[Metric]) -> Table {
    let mut table = Table::new();
    table.set_header(["", "stock", "ours", "ratio", "spread", "must", "aim", "reached"]);
    table.add_rows(metrics.iter().map(Metric::row));
    table
}

fn lines(metrics: &[Metric], about: &Value) -> Result<String> {
    let mut text = String::new();
    for metric in metrics {
        let mut line = serde_json::to_value(metric)?;
        if let (Value::Object(line), Value::Object(about)) = (&mut line, about) {
            line.extend(about.clone());
        }
        writeln!(text, "{line}")?;
    }
    Ok(text)
}
