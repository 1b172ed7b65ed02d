//! The help text and the manual's page of the config file, made from the table of keys.

use std::fmt::Write;

use super::keys::{KEYS, Key, Need, TABLES};

/// `xenith help config`: an example file, then every key.
#[must_use]
pub fn text() -> String {
    let mut out = String::from("A domain's config is a TOML file.\n\n");
    example().lines().for_each(|line| push(&mut out, format_args!("    {line}")));
    for (table, doc) in sections() {
        out.push('\n');
        push(&mut out, format_args!("{}", heading(table, doc)));
        for key in keys_of(table) {
            push(&mut out, format_args!("  {:<9} {}", key.split().1, key.doc));
            push(&mut out, format_args!("            {}; {}", key.form, need(key)));
        }
    }
    out
}

/// `docs/interfaces/domain-config.md`.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# The domain config file\n\n\
         `xenith create FILE` reads a TOML file, and `xenith help config` prints this page's contents.\n\
         This page is made from the table of keys in `crates/xenith-api/src/file/keys.rs`; a test compares them.\n\n\
         ```toml\n",
    );
    out += &example();
    out += "```\n\nUnknown and misspelt keys, values of the wrong type or out of range and missing keys are all told at once, one line each:\n\
            `FILE:LINE: KEY = VALUE: what is wrong and what to do [code]`.\n";
    for (table, doc) in sections() {
        push(&mut out, format_args!("\n## {}\n", heading(table, doc)));
        push(&mut out, format_args!("| key | value | without it | meaning |\n| --- | --- | --- | --- |"));
        for key in keys_of(table) {
            push(&mut out, format_args!("| `{}` | {} | {} | {} |", key.split().1, key.form, without(key), key.doc));
        }
    }
    out
}

/// A file that holds every key but those chosen at create.
#[must_use]
pub fn example() -> String {
    let mut out = String::new();
    for (table, _) in sections() {
        if !table.is_empty() {
            push(&mut out, format_args!("\n[{table}]"));
        }
        for key in keys_of(table).filter(|key| key.need != Need::Default("chosen at create")) {
            push(&mut out, format_args!("{} = {}", key.split().1, key.example));
        }
    }
    out
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{line}");
}

fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    std::iter::once(("", "The domain itself.")).chain(TABLES.iter().map(|table| (table.path, table.doc)))
}

fn keys_of(table: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.split().0 == table)
}

fn heading(table: &str, doc: &str) -> String {
    if table.is_empty() { format!("Top of the file: {}", doc.to_lowercase()) } else { format!("[{table}]: {}", lower_first(doc)) }
}

fn lower_first(doc: &str) -> String {
    let mut letters = doc.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn need(key: &Key) -> String {
    match key.need {
        Need::Required => "required".to_owned(),
        Need::Default(default) => format!("without it: {default}"),
    }
}

fn without(key: &Key) -> &'static str {
    match key.need {
        Need::Required => "required",
        Need::Default(default) => default,
    }
}
