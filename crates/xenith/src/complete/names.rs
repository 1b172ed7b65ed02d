//! Names that only the daemon knows. It has a moment: somebody waits at a prompt.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap_complete::{ArgValueCandidates, CompletionCandidate};
use xenith_api::client::{Client, Destination, Way};
use xenith_api::latest::{Crash, Domain, Operation, OperationState, StoredConfig};

use super::bash;
use crate::args::{Global, RUN_DIR};
use crate::context::Context;
use crate::verb::list::state;

/// Who waits at a prompt waits no longer than this.
const MOMENT: Duration = Duration::from_millis(700);
/// Nor than this where ssh has to say hello first.
const FAR_MOMENT: Duration = Duration::from_secs(3);

/// Domains that run.
pub fn domains() -> ArgValueCandidates {
    ArgValueCandidates::new(|| daemon().list().map_or_else(|_| Vec::new(), |all| all.iter().filter_map(domain).collect()))
}

/// Stored configs.
pub fn configs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| daemon().configs().map_or_else(|_| Vec::new(), |all| all.iter().filter_map(config).collect()))
}

/// Operations.
pub fn operations() -> ArgValueCandidates {
    ArgValueCandidates::new(|| daemon().operations().map_or_else(|_| Vec::new(), |all| all.iter().map(operation).collect()))
}

/// Crashes.
pub fn crashes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| daemon().crashes().map_or_else(|_| Vec::new(), |all| all.iter().map(crash).collect()))
}

fn daemon() -> Client<Way> {
    let words: Vec<OsString> = std::env::args_os().collect();
    Context::new(&global(&words)).hasty_client(MOMENT, FAR_MOMENT)
}

/// Dom0 is nothing that is paused or destroyed. A name of another toolstack may hold what a shell would read: then the domid stands for it.
fn domain(domain: &Domain) -> Option<CompletionCandidate> {
    let plain = xenith_api::latest::form::name(&domain.name).is_ok();
    let (name, other) = if plain { (domain.name.clone(), domain.domid.to_string()) } else { (domain.domid.to_string(), String::new()) };
    (domain.domid != 0).then(|| told(name, format!("domain {other}").trim_end().to_owned() + ", " + state(domain.state)))
}

fn config(stored: &StoredConfig) -> Option<CompletionCandidate> {
    let runs = stored.domid.map_or_else(|| "does not run".to_owned(), |domid| format!("runs as domain {domid}"));
    xenith_api::latest::form::name(&stored.config.name).is_ok().then(|| told(stored.config.name.clone(), runs))
}

fn operation(one: &Operation) -> CompletionCandidate {
    let state = if one.state == OperationState::Running { "under way" } else { "ended" };
    told(one.id.to_string(), format!("{}, {state}", crate::table::printable(&one.subject)))
}

fn crash(one: &Crash) -> CompletionCandidate {
    told(one.id.to_string(), format!("{}: {}", crate::table::printable(&one.name), crate::table::printable(&one.reason)))
}

fn told(name: String, about: String) -> CompletionCandidate {
    CompletionCandidate::new(name).help(Some(about.into()))
}

/// Which daemon the words that stand already name.
fn global(words: &[OsString]) -> Global {
    let words = &bash::joined(words, 0).words;
    let path = |option: &str| said(words, option).map(PathBuf::from);
    let host = said(words, "--host").and_then(|host| Destination::parse(host.to_str()?).ok());
    Global { host, socket: path("--socket"), json: false, run_dir: path("--run-dir").unwrap_or_else(|| RUN_DIR.into()) }
}

/// The value of an option, in one word with it or in the next.
fn said(words: &[OsString], option: &str) -> Option<OsString> {
    let at = words.iter().position(|word| word.to_str().and_then(|word| word.strip_prefix(option)).is_some_and(is_whole))?;
    let word = words.get(at)?.to_str()?;
    match word.split_once('=') {
        Some((_, value)) => Some(value.into()),
        None => words.get(at + 1).cloned(),
    }
}

/// After the option's name there is nothing, or its value.
fn is_whole(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_name_the_daemon() {
        for (line, host, socket, run_dir) in [
            ("xenith -- xenith pause we", None, None, "/run/xenith"),
            ("xenith -- xenith --socket /s pause we", None, Some("/s"), "/run/xenith"),
            ("xenith -- xenith pause --socket=/a=b we", None, Some("/a=b"), "/run/xenith"),
            ("xenith -- xenith --sockets /s --run-dir /r pause we", None, None, "/r"),
            ("xenith -- xenith pause --socket", None, None, "/run/xenith"),
            ("xenith -- xenith --host ssh : //a pause we", Some("a"), None, "/run/xenith"),
            ("xenith -- xenith --host -v pause we", None, None, "/run/xenith"),
        ] {
            let global = global(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
            assert_eq!((global.socket, global.run_dir), (socket.map(PathBuf::from), PathBuf::from(run_dir)), "{line}");
            assert_eq!(global.host.map(|host| host.to_string()).as_deref(), host, "{line}");
        }
    }

    #[test]
    fn what_is_offered() {
        let one = |name: &str, domid| {
            let json = serde_json::json!({ "name": name, "domid": domid, "uuid": uuid::Uuid::nil(), "state": "paused",
                "vcpus": 1, "memory_kib": 1, "cpu_seconds": 0.0 });
            domain(&serde_json::from_value(json).unwrap())
        };
        for (name, domid, expected) in
            [("web", 3, Some(("web", "domain 3, paused"))), ("$(reboot) x", 4, Some(("4", "domain, paused"))), ("Domain-0", 0, None)]
        {
            let offered = one(name, domid).map(|one| (one.get_value().to_owned(), one.get_help().map(ToString::to_string)));
            assert_eq!(offered, expected.map(|(name, help)| (name.into(), Some(help.to_owned()))), "{name}");
        }
    }
}
