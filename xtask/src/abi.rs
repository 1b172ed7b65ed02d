//! `cargo xtask abi`: measures sizes, offsets and constants from each release's own public headers.
//!
//! ```text
//!   names: xen_abi::facts          headers: libxen-dev of a Debian suite, and release tags of a Xen repository
//!             |                                  |
//!             +--> a C file of sizeof, offsetof and values --> gcc --> run --> crates/xen-abi/facts/RELEASE.toml
//! ```
//!
//! The names come from what the encoders claim, the numbers from the compiler alone. A test of xen-abi compares the two. A name that a release does
//! not have is left out of its file, and the test expects that too.

mod headers;
mod probe;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use lab::{Cache, Progress};
use xen_abi::Release;

use headers::Finder;
use probe::Facts;

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// Compare with the committed facts, and write nothing.
    #[arg(long)]
    check: bool,
    /// A git directory of the Xen tree with its release tags, for the releases that no Debian suite carries; also from XENITH_XEN_REPO.
    #[arg(long, value_name = "PATH")]
    xen_repo: Option<PathBuf>,
}

/// Measures every release.
pub fn run(arguments: &Arguments) -> Result<()> {
    let cache = Cache::open()?;
    let progress = Progress::new();
    let _lock = cache.lock()?;
    let named = || std::env::var_os("XENITH_XEN_REPO").filter(|path| !path.is_empty()).map(PathBuf::from);
    let repository = arguments.xen_repo.clone().or_else(named);
    let finder = Finder { cache: &cache, progress: &progress, repository: repository.as_deref() };
    let mut unmeasured = Vec::new();
    let mut different = Vec::new();
    for release in Release::ALL {
        match measure(&finder, &cache, &release)? {
            None => unmeasured.push(release.to_string()),
            Some(measured) if !arguments.check => write(&release, &measured)?,
            Some(measured) if is_as_committed(&release, &measured)? => {}
            Some(_) => different.push(release.to_string()),
        }
    }
    progress.done();
    if !unmeasured.is_empty() {
        let releases = unmeasured.join(", ");
        eprintln!("not measured: Xen {releases}. Name a clone of the Xen repository with --xen-repo PATH or XENITH_XEN_REPO");
    }
    if !different.is_empty() {
        bail!(
            "the committed facts of Xen {} differ from the headers: run `cargo xtask abi` and look at the difference",
            different.join(", ")
        );
    }
    Ok(())
}

/// What the headers of one release say.
struct Measured {
    facts: Facts,
    /// Where the headers were from.
    told: Vec<String>,
    /// Whether every kind of header that the release has was at hand.
    complete: bool,
}

/// The facts of a release, or none where no headers of it are at hand. Headers may have different names, since stable branches rename fields in
/// place, but no name may have two numbers.
fn measure(finder: &Finder<'_>, cache: &Cache, release: &Release) -> Result<Option<Measured>> {
    let found = finder.find(release)?;
    let mut measured = Measured { facts: Facts::new(), told: Vec::new(), complete: found.complete };
    for source in found.sources {
        let work = cache.directory(&format!("abi/probe/{release}"))?;
        let facts = probe::measure(&source.directory, &work).with_context(|| format!("measure Xen {release} from {}", source.told))?;
        for (name, number) in facts {
            let known = measured.facts.entry(name.clone()).or_insert_with(|| number.clone());
            ensure!(
                *known == number,
                "Xen {release}: {} is {known} in {}, and {number} in {}",
                name.1,
                measured.told.join(", "),
                source.told
            );
        }
        measured.told.push(source.told);
    }
    Ok((!measured.told.is_empty()).then_some(measured))
}

fn path(release: &Release) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../crates/xen-abi/facts/{release}.toml"))
}

/// Writes a release's facts.
fn write(release: &Release, measured: &Measured) -> Result<()> {
    let from = measured.told.join(" and ");
    let mut text =
        format!("# Xen {release} on x86-64: sizes, offsets with widths, and constants, measured by `cargo xtask abi` from\n# {from}.\n");
    for table in ["sizes", "fields", "constants"] {
        let rows = measured.facts.iter().filter(|((of, _), _)| of == table);
        let rows: String = rows.map(|((_, name), number)| format!("{name} = {number}\n")).collect();
        text.push_str(&format!("\n[{table}]\n{rows}"));
    }
    let path = path(release);
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    println!("Xen {release}: {} facts from {from}", measured.facts.len());
    Ok(())
}

/// Whether the committed facts of a release are what was measured. Where only some of its headers are at hand, names may be missing.
fn is_as_committed(release: &Release, measured: &Measured) -> Result<bool> {
    let path = path(release);
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let committed: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(" = ")).collect();
    let same = |((_, name), number): (&(String, String), &String)| committed.get(name.as_str()) == Some(&number.as_str());
    let as_committed = measured.facts.iter().all(same) && (!measured.complete || committed.len() == measured.facts.len());
    println!("Xen {release}: {} facts {}", measured.facts.len(), if as_committed { "as committed" } else { "DIFFER from those committed" });
    Ok(as_committed)
}
