//! What the program before us says: C xenstored's own words, or those of `xenstore-control live-update -c`, and `-U`.

use std::ffi::OsString;
use std::path::PathBuf;

use xen_store::quota::{Limit, Quota};

/// How oxenstored begins its successor's words.
const OCAML: [&str; 2] = ["--live", "--restart"];

/// What the program before us says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// oxenstored speaks.
    pub ocaml: bool,
    /// It asks whether we take these words, before it does anything.
    pub only_asks: bool,
    /// The daemon to go back to where nothing comes of it.
    pub fallback: Option<PathBuf>,
    /// A store without Xen goes on without Xen.
    pub standalone: Option<PathBuf>,
    /// Limits from C xenstored's own words.
    limits: Vec<(Limit, u32)>,
    /// C xenstored's own words, for when it is its turn again.
    pub stock: Vec<String>,
}

impl Words {
    /// The words, where `-U` is among them.
    pub fn of(words: impl Iterator<Item = OsString>) -> Option<Words> {
        let words: Vec<String> = words.skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        let c = words.iter().any(|word| word == "-U");
        let ocaml = OCAML.iter().zip(&words).filter(|(word, said)| word == said).count() == OCAML.len();
        (c || ocaml).then(|| Words { ocaml, ..Words::parse(&words) })
    }

    /// Takes what means something here; nothing is an error, for nobody reads it.
    fn parse(words: &[String]) -> Words {
        let mut parsed = Words::default();
        let ours = |word: &&String| *word != "-U" && !OCAML.contains(&word.as_str());
        let mut words = words.iter().filter(ours).peekable();
        while let Some(word) = words.next() {
            let (name, glued) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let is_glued = glued.is_some();
            let value = glued.or_else(|| words.peek().map(|word| (*word).clone()));
            match (name, value) {
                ("--fallback", Some(path)) => parsed.fallback = Some(path.into()),
                ("--help", _) => {
                    parsed.only_asks = true;
                    continue;
                }
                ("--standalone", Some(path)) => parsed.standalone = Some(path.into()),
                (_, value) => {
                    parsed.stock.push(word.clone());
                    parsed.limits.extend(value.and_then(|value| limit(name, &value)));
                    continue;
                }
            }
            if !is_glued {
                words.next();
            }
        }
        parsed
    }

    /// What a daemon that we go back to finds first.
    pub fn beginning(&self) -> &'static [&'static str] {
        if self.ocaml { &OCAML } else { &[] }
    }

    /// What C xenstored is told when it is its turn: oxenstored's words mean nothing to it.
    pub fn of_successor(&self) -> Vec<String> {
        if self.ocaml { Vec::new() } else { self.stock.clone() }
    }

    /// The limits that hold until the dump says others.
    pub fn quota(&self) -> Quota {
        let mut quota = Quota::default();
        self.limits.iter().for_each(|(limit, value)| quota.set(*limit, *value));
        quota
    }
}

/// A limit as C xenstored 4.17 to 4.22 takes it on its command line.
fn limit(name: &str, value: &str) -> Option<(Limit, u32)> {
    let limit = match name {
        "-E" | "--entry-nb" => Limit::Nodes,
        "-S" | "--entry-size" => Limit::NodeSize,
        "-W" | "--watch-nb" => Limit::Watches,
        "-t" | "--transaction" => Limit::Transactions,
        "-A" | "--perm-nb" => Limit::NodePermissions,
        "-M" | "--path-max" => Limit::PathMax,
        "-Q" | "--quota" => return named(value, ""),
        "-q" | "--quota-soft" => return named(value, "soft-"),
        _ => return None,
    };
    Some((limit, value.parse().ok()?))
}

fn named(pair: &str, prefix: &str) -> Option<(Limit, u32)> {
    let (name, value) = pair.split_once('=')?;
    Some((Limit::by_name(format!("{prefix}{name}").as_bytes())?, value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Words> {
        Words::of(line.split(' ').map(OsString::from))
    }

    #[test]
    fn nothing_without_the_word() {
        assert_eq!(words("xenith store"), None);
        assert_eq!(words("/usr/sbin/xenith"), None);
    }

    /// The words that C xenstored was started with, and those of `-c`.
    #[test]
    fn words_of_both_worlds() {
        let stock = words("/x --pid-file /run/xenstored.pid -W 7 --quota memory=9 -q memory=8 -U").unwrap();
        assert_eq!(stock.limits, [(Limit::Watches, 7), (Limit::Memory, 9), (Limit::SoftMemory, 8)]);
        assert_eq!(stock.stock, ["--pid-file", "/run/xenstored.pid", "-W", "7", "--quota", "memory=9", "-q", "memory=8"]);
        assert_eq!(stock.fallback, None);
        let ours = words("/x --fallback /usr/lib/xen/bin/xenstored --standalone /d -N -U").unwrap();
        assert_eq!(ours.fallback, Some("/usr/lib/xen/bin/xenstored".into()));
        assert_eq!(ours.standalone, Some("/d".into()));
        assert_eq!(ours.stock, ["-N"]);
    }
}
