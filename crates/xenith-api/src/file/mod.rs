//! A domain's config as a file: TOML text -> [`DomainConfig`], or every complaint at once.
//!
//! ```text
//!   text --toml--> tables with byte ranges --keys::KEYS, one setter per key--> DomainConfig + line of each key
//!                    |                        |
//!                    | not TOML, duplicate    | unknown key (nearest told), wrong type, form or range, missing key
//!                    +----------> Vec<Complaint>, in the order of the file <+
//! ```
//!
//! [`keys::KEYS`] is the one place where a key is stated; help text and manual are made from it ([`help`]).

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::v1::form::Wrong;
use crate::v1::{Boot, Code, Complaint, DomainConfig, DomainType, On, Start};

pub mod help;
pub mod keys;
mod nearest;
mod place;

use keys::{KEYS, Key, Need, TABLES};
use place::Places;

/// A config, and where each of its keys stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// What the file says.
    pub config: DomainConfig,
    /// Key with its table -> line, from 1.
    lines: BTreeMap<&'static str, u32>,
}

impl ConfigFile {
    /// Gives each complaint that the daemon made about this config its line of the file.
    pub fn locate(&self, complaints: &mut [Complaint]) {
        for complaint in complaints {
            complaint.line = complaint.line.or_else(|| self.lines.get(complaint.key.as_str()).copied());
        }
    }
}

/// Reads a config. All complaints come back at once, in the order of the file; missing keys last.
pub fn parse(text: &str) -> Result<ConfigFile, Vec<Complaint>> {
    let places = Places::of(text);
    let (root, mut errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { places, config: blank(), lines: BTreeMap::new(), complaints: Vec::new() };
    reader.table("", root.get_ref());
    if errors.is_empty() {
        reader.missing();
    }
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let syntax = errors.iter().map(|error| reader.places.complaint(error)).collect();
    reader.finish(syntax)
}

/// The config that an empty file would give if nothing were required.
fn blank() -> DomainConfig {
    let boot = Boot { kernel: String::new(), initrd: None, cmdline: String::new() };
    DomainConfig {
        name: String::new(),
        uuid: None,
        kind: DomainType::Pvh,
        vcpus: 1,
        memory_kib: 0,
        boot,
        on: On::default(),
        start: Start::default(),
    }
}

struct Reader<'t> {
    places: Places<'t>,
    config: DomainConfig,
    lines: BTreeMap<&'static str, u32>,
    complaints: Vec<Complaint>,
}

impl Reader<'_> {
    /// The keys of one table; `""` is the file's top.
    fn table(&mut self, table: &str, entries: &DeTable<'_>) {
        for (key, value) in entries {
            let path = if table.is_empty() { key.get_ref().to_string() } else { format!("{table}.{}", key.get_ref()) };
            let line = self.places.line_column(key.span().start).0;
            match (KEYS.iter().find(|known| known.path == path), TABLES.iter().any(|known| known.path == path)) {
                (Some(known), _) => self.value(known, value, line),
                (None, true) => self.section(&path, value, line),
                (None, false) => self.complain(unknown(&path), value, line, &path),
            }
        }
    }

    fn value(&mut self, key: &'static Key, value: &Spanned<DeValue<'_>>, line: u32) {
        self.lines.insert(key.path, line);
        if let Err(wrong) = (key.set)(&mut self.config, value.get_ref()) {
            self.complain(wrong, value, line, key.path);
        }
    }

    fn section(&mut self, path: &str, value: &Spanned<DeValue<'_>>, line: u32) {
        match value.get_ref() {
            DeValue::Table(entries) => self.table(path, entries),
            other => {
                let message = format!("must be a table, not {}; write [{path}] on a line of its own", keys::article(other));
                self.complain(Wrong::form(message), value, line, path);
            }
        }
    }

    fn complain(&mut self, wrong: Wrong, value: &Spanned<DeValue<'_>>, line: u32, path: &str) {
        let mut complaint = Complaint::new(wrong.code, crate::v1::problem::shorten(path), wrong.message);
        if !value.get_ref().is_table() {
            complaint = complaint.value(self.places.text(value.span()));
        }
        complaint.line = Some(line);
        self.complaints.push(complaint);
    }

    /// Required keys that the file does not hold.
    fn missing(&mut self) {
        for key in KEYS.iter().filter(|key| key.need == Need::Required && !self.lines.contains_key(key.path)) {
            let (table, name) = key.split();
            let place = if table.is_empty() { String::new() } else { format!(" under [{table}]") };
            let message = format!("is missing; add a line like {name} = {}{place}", key.example);
            self.complaints.push(Complaint::new(Code::ConfigMissingKey, key.path, message));
        }
    }

    /// The config, or the complaints of reader and parser in order. What the parser made up to go on after an error is not worth a
    /// second complaint: not on the same line, and not in a table whose header it could not read.
    fn finish(mut self, syntax: Vec<Complaint>) -> Result<ConfigFile, Vec<Complaint>> {
        let lost = syntax.iter().filter_map(|other| other.line).find(|line| self.places.is_header(*line)).unwrap_or(u32::MAX);
        let told = |line| line >= Some(lost) || syntax.iter().any(|other| other.line == line);
        self.complaints.retain(|complaint| !told(complaint.line));
        self.complaints.extend(syntax);
        if self.complaints.is_empty() {
            return Ok(ConfigFile { config: self.config, lines: self.lines });
        }
        self.complaints.sort_by_key(|complaint| complaint.line.unwrap_or(u32::MAX));
        Err(self.complaints)
    }
}

fn unknown(path: &str) -> Wrong {
    let message = match nearest::key(path) {
        Some(known) => format!("unknown key; did you mean {known}?"),
        None => "unknown key; `xenith help config` lists those that there are".to_owned(),
    };
    Wrong { code: Code::ConfigUnknownKey, message }
}

#[cfg(test)]
mod tests;
