//! The Debian mirror this system already uses, read from apt's own configuration.
//!
//! No mirror is named in the sources: a host that reaches only its own mirror works, and one without any is told so.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

/// The base address of a Debian archive: what stands before `dists/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror(pub String);

/// Code names and aliases that only a Debian archive has; other distributions' and vendors' archives do not match.
const DEBIAN_SUITES: [&str; 10] =
    ["bullseye", "bookworm", "trixie", "forky", "sid", "oldoldstable", "oldstable", "stable", "testing", "unstable"];

/// `$XENITH_MIRROR`, or the first Debian archive among the system's apt sources.
///
/// # Errors
/// When the variable is unset and no source is a Debian archive.
pub fn find() -> Result<Mirror> {
    if let Some(address) = std::env::var("XENITH_MIRROR").ok().filter(|address| !address.is_empty()) {
        return Ok(Mirror(address));
    }
    first_debian(&source_files(Path::new("/etc/apt")))
        .ok_or_else(|| anyhow!("no Debian archive among this system's apt sources: set XENITH_MIRROR to the address of one"))
}

/// The text of every sources file, with its name.
fn source_files(apt: &Path) -> Vec<(PathBuf, String)> {
    let mut paths = vec![apt.join("sources.list")];
    let parts = fs::read_dir(apt.join("sources.list.d")).into_iter().flatten().flatten();
    paths.extend(parts.map(|entry| entry.path()));
    paths.sort();
    paths.into_iter().filter_map(|path| fs::read_to_string(&path).ok().map(|text| (path, text))).collect()
}

fn first_debian(files: &[(PathBuf, String)]) -> Option<Mirror> {
    let sources = files.iter().flat_map(|(path, text)| match path.extension() {
        Some(end) if end == "sources" => stanzas(text),
        Some(end) if end == "list" => text.lines().filter_map(one_line).collect(),
        _ => Vec::new(),
    });
    sources.filter(Source::is_debian).find_map(|source| source.uris.into_iter().next()).map(Mirror)
}

/// One entry, whichever of apt's two formats it was written in.
#[derive(Debug, Default, PartialEq, Eq)]
struct Source {
    binary: bool,
    disabled: bool,
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
}

impl Source {
    fn is_debian(&self) -> bool {
        let known = |suite: &String| DEBIAN_SUITES.contains(&suite.as_str());
        self.binary && !self.disabled && self.suites.iter().any(known) && self.components.iter().any(|name| name == "main")
    }
}

/// `deb [options] URI SUITE COMPONENT...`.
fn one_line(line: &str) -> Option<Source> {
    let rest = line.trim().strip_prefix("deb ")?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let mut words = rest.split('#').next()?.split_whitespace().map(str::to_owned);
    let (uri, suite) = (words.next()?, words.next()?);
    Some(Source { binary: true, disabled: false, uris: vec![uri], suites: vec![suite], components: words.collect() })
}

/// Paragraphs of `Field: values`, values going on in lines that begin with a blank.
fn stanzas(text: &str) -> Vec<Source> {
    let mut all = vec![Source::default()];
    let mut field = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.trim().is_empty() {
            all.push(Source::default());
            continue;
        }
        let values = match line.split_once(':') {
            Some((name, values)) if !line.starts_with([' ', '\t']) => {
                field = name.trim().to_ascii_lowercase();
                values
            }
            _ => line,
        };
        if let Some(source) = all.last_mut() {
            take(source, &field, values);
        }
    }
    all
}

fn take(source: &mut Source, field: &str, values: &str) {
    let mut words = values.split_whitespace().map(str::to_owned);
    match field {
        "types" => source.binary |= words.any(|word| word == "deb"),
        "enabled" => source.disabled = words.any(|word| word == "no"),
        "uris" => source.uris.extend(words),
        "suites" => source.suites.extend(words),
        "components" => source.components.extend(words),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_debian_archive_is_found() {
        let deb822 = "# a comment\nTypes: deb\n# another\nURIs: http://mirror.test/debian\nSuites: bookworm\n bookworm-updates\nComponents: main\n\
                      \nTypes: deb\nURIs: http://mirror.test/security\nSuites: bookworm-security\nComponents: main\n";
        let cases: [(&str, &str, Option<&str>); 9] = [
            ("debian.sources", deb822, Some("http://mirror.test/debian")),
            ("sources.list", "deb http://a.test/debian trixie main\n", Some("http://a.test/debian")),
            ("sources.list", "deb [arch=amd64 signed-by=/k] http://a.test/debian stable main contrib # x\n", Some("http://a.test/debian")),
            ("sources.list", "deb-src http://a.test/debian trixie main\n", None),
            ("sources.list", "# deb http://a.test/debian trixie main\n", None),
            ("vendor.list", "deb http://v.test/apt vendor-bookworm main\n", None),
            ("vendor.list", "deb http://v.test/apt bookworm stable\n", None),
            ("off.sources", "Types: deb\nEnabled: no\nURIs: http://a.test\nSuites: sid\nComponents: main\n", None),
            ("old.save", "deb http://a.test/debian trixie main\n", None),
        ];
        for (name, text, expected) in cases {
            let found = first_debian(&[(PathBuf::from(name), text.to_owned())]);
            assert_eq!(found.map(|mirror| mirror.0).as_deref(), expected, "{name}: {text}");
        }
    }
}
