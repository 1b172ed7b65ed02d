//! Starting what is to run whenever the host does: once after the host's boot, in order, several at a time.
//!
//! ```text
//!   /run/xenith/autostarted is not there --> which domains (pure) --> start those whose turn it is, up to PARALLEL at once --> write it
//! ```
//!
//! A control that was killed on the way goes on: what runs already is not started again.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use xenith_api::latest::{Code, DomainConfig, OperationKind, Start, StartRequest};

use super::Control;
use crate::operations::Done;

/// The caller of what nobody asked for.
const OURSELVES: &str = "xenith";
/// How many domains start at once.
const PARALLEL: usize = 4;
/// How long the store may take to be there.
const STORE_WITHIN: Duration = Duration::from_secs(60);
const STORE_AGAIN: Duration = Duration::from_millis(200);
/// The file that says that it was done since the host's boot.
const MARK: &str = "autostarted";

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Waits,
    Starting,
    Runs,
    Failed,
}

/// Does [`Control::autostart`] in a thread of its own.
///
/// # Errors
/// Where no thread can be made.
pub fn spawn(control: &Arc<Control>) -> io::Result<JoinHandle<()>> {
    let control = Arc::clone(control);
    std::thread::Builder::new().name("autostart".to_owned()).spawn(move || {
        if let Err(error) = control.autostart() {
            tracing::error!("autostart: {error}");
        }
    })
}

impl Control {
    /// Starts the stored configs that want it, unless that was done since the host's boot. Returns once all are started, or cannot be.
    ///
    /// # Errors
    /// Where the mark that it was done cannot be looked at or written.
    pub fn autostart(&self) -> io::Result<()> {
        let mark = self.run_dir.join(MARK);
        if mark.exists() || self.engine().is_err() {
            return Ok(());
        }
        let wanted: Vec<DomainConfig> =
            self.configs.all().iter().map(|stored| stored.config.clone()).filter(|one| one.start.auto).collect();
        if !wanted.is_empty() {
            self.wait_for_the_store();
            self.start_all(&wanted);
        }
        done(&mark)
    }

    fn start_all(&self, wanted: &[DomainConfig]) {
        let mut turns: HashMap<&str, Turn> = wanted.iter().map(|one| (one.name.as_str(), Turn::Waits)).collect();
        let (told, ended) = mpsc::channel();
        std::thread::scope(|scope| {
            loop {
                let lost = hopeless(wanted, &turns);
                if !lost.is_empty() {
                    for (name, why) in lost {
                        tracing::error!("domain {name}: not started with the host: {why}");
                        turns.insert(name, Turn::Failed);
                    }
                    continue;
                }
                for config in ready(wanted, &turns) {
                    turns.insert(config.name.as_str(), Turn::Starting);
                    let told = told.clone();
                    scope.spawn(move || told.send((config.name.as_str(), self.start_one(&config.name))));
                }
                if !turns.values().any(|turn| *turn == Turn::Starting) {
                    return;
                }
                if let Ok((name, turn)) = ended.recv() {
                    turns.insert(name, turn);
                }
            }
        });
    }

    fn start_one(&self, name: &str) -> Turn {
        let op = self.begin(OperationKind::Create, name, OURSELVES);
        let outcome = self.start_stored(name, StartRequest::default(), &op);
        let turn = match &outcome {
            Ok(_) => Turn::Runs,
            // A control that was killed had started it already, or somebody else was quicker.
            Err(problem) if problem.code == Code::NameInUse => Turn::Runs,
            Err(problem) => {
                tracing::error!("{problem}");
                Turn::Failed
            }
        };
        self.operations().end(&op, outcome.map(|made| Done::Created(Box::new(made))));
        turn
    }

    fn wait_for_the_store(&self) {
        let end = self.clock.now() + STORE_WITHIN;
        while self.stores.connection().is_err() && self.clock.now() < end {
            self.clock.sleep(STORE_AGAIN);
        }
    }
}

fn done(mark: &Path) -> io::Result<()> {
    std::fs::write(mark, "")
}

/// Those whose turn it is now: whatever has a lower order was dealt with, and whatever they come after runs.
fn ready<'c>(wanted: &'c [DomainConfig], turns: &HashMap<&str, Turn>) -> Vec<&'c DomainConfig> {
    let under_way = turns.values().filter(|turn| **turn == Turn::Starting).count();
    let over = |name: &str| !matches!(turns.get(name), Some(Turn::Waits | Turn::Starting));
    let lowest = wanted.iter().filter(|one| !over(&one.name)).map(|one| one.start.order).min();
    let may = |one: &&DomainConfig| {
        let Start { order, ref after, .. } = one.start;
        turns.get(one.name.as_str()) == Some(&Turn::Waits)
            // Whatever somebody comes after is not held up by its own order.
            && (Some(order) == lowest || wanted.iter().any(|other| Some(other.start.order) == lowest && needs(wanted, other, &one.name)))
            && after.iter().all(|name| turns.get(name.as_str()) == Some(&Turn::Runs))
    };
    wanted.iter().filter(may).take(PARALLEL.saturating_sub(under_way)).collect()
}

/// Whether one comes after another, by whatever lies between.
fn needs(wanted: &[DomainConfig], one: &DomainConfig, other: &str) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut next: Vec<&str> = one.start.after.iter().map(String::as_str).collect();
    while let Some(name) = next.pop() {
        if name == other {
            return true;
        }
        if !seen.contains(&name) {
            seen.push(name);
            next.extend(wanted.iter().filter(|one| one.name == name).flat_map(|one| one.start.after.iter().map(String::as_str)));
        }
    }
    false
}

/// Those that can never have their turn, and why.
fn hopeless<'c>(wanted: &'c [DomainConfig], turns: &HashMap<&str, Turn>) -> Vec<(&'c str, String)> {
    let why = |one: &DomainConfig| {
        let blamed = |name: &&String| !matches!(turns.get(name.as_str()), Some(Turn::Waits | Turn::Starting | Turn::Runs));
        match one.start.after.iter().find(blamed) {
            Some(name) if turns.contains_key(name.as_str()) => Some(format!("it comes after {name}, which did not start")),
            Some(name) => Some(format!("it comes after {name}, which is not stored or does not start with the host")),
            None if needs(wanted, one, &one.name) => Some("it comes after itself".to_owned()),
            None => None,
        }
    };
    let waiting = wanted.iter().filter(|one| turns.get(one.name.as_str()) == Some(&Turn::Waits));
    waiting.filter_map(|one| Some((one.name.as_str(), why(one)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str, order: u32, after: &[&str]) -> DomainConfig {
        let text = format!(r#"{{"name":"{name}","memory":"64MiB","boot":{{"kernel":"/k"}}}}"#);
        let mut config: DomainConfig = serde_json::from_str(&text).expect("a config");
        config.start = Start { auto: true, order, after: after.iter().map(|name| (*name).to_owned()).collect() };
        config
    }

    /// Lets all that may start do so, a wave at a time; those named fail.
    fn waves(wanted: &[DomainConfig], fail: &[&str]) -> Vec<String> {
        let mut turns: HashMap<&str, Turn> = wanted.iter().map(|one| (one.name.as_str(), Turn::Waits)).collect();
        let mut told = Vec::new();
        loop {
            let lost = hopeless(wanted, &turns);
            if !lost.is_empty() {
                for (name, why) in lost {
                    told.push(format!("{name}: {why}"));
                    turns.insert(name, Turn::Failed);
                }
                continue;
            }
            let wave: Vec<&str> = ready(wanted, &turns).into_iter().map(|one| one.name.as_str()).collect();
            if wave.is_empty() {
                assert!(turns.values().all(|turn| matches!(turn, Turn::Runs | Turn::Failed)), "{turns:?}");
                return told;
            }
            told.push(wave.join(" "));
            for name in wave {
                turns.insert(name, if fail.contains(&name) { Turn::Failed } else { Turn::Runs });
            }
        }
    }

    #[test]
    fn order_and_dependencies() {
        let plain: Vec<DomainConfig> = ["a", "b", "c", "d", "e", "f"].iter().map(|name| config(name, 0, &[])).collect();
        assert_eq!(waves(&plain, &[]), ["a b c d", "e f"]);
        assert_eq!(
            waves(&[config("web", 0, &["db"]), config("db", 0, &[]), config("dns", 5, &[]), config("dhcp", 2, &[])], &[]),
            ["db", "web", "dhcp", "dns"]
        );
        // What another comes after does not wait for its own order.
        assert_eq!(waves(&[config("web", 1, &["db"]), config("db", 9, &[]), config("x", 2, &[])], &[]), ["db", "web", "x"]);
        // A failure holds up nobody but those who come after.
        assert_eq!(
            waves(&[config("db", 0, &[]), config("web", 0, &["db"]), config("x", 1, &[])], &["db"]),
            ["db", "web: it comes after db, which did not start", "x"]
        );
    }

    #[test]
    fn what_can_never_start_is_told() {
        assert_eq!(
            waves(&[config("a", 0, &["b"]), config("b", 0, &["a"]), config("c", 0, &["none"]), config("d", 0, &[])], &[]),
            [
                "a: it comes after itself",
                "b: it comes after itself",
                "c: it comes after none, which is not stored or does not start with the host",
                "d"
            ]
        );
    }
}
