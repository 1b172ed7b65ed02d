//! Small domains that only exist, by whom they are made, and several at once.

use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use xenith_api::latest::{Cost, CreateResponse};

use super::peer::{Guest, TINY};
use super::timed;
use crate::lab_world::{API_SOCKET, BINARY};

/// As small as both toolstacks make them: 120 must fit into the machine.
const MEMORY_MIB: u32 = 8;

/// Who makes and ends domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// `xl`, which ends once the domain is there.
    Xl,
    /// `xl` as people call it: a process stays with each domain.
    XlThatStays,
    /// Our API.
    Api,
    /// Our command line.
    Cli,
}

/// Names for a crowd.
pub fn names(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("crowd{number}")).collect()
}

impl Maker {
    /// What results are kept under.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xl | Self::XlThatStays => "xl",
            Self::Api => "api",
            Self::Cli => "cli",
        }
    }

    /// Creates a domain and leaves it paused; gives microseconds, and the cost where the answer tells it.
    pub fn create(self, name: &str) -> Result<(u64, Option<Cost>)> {
        if self == Self::Api {
            let created = timed::request(API_SOCKET, "POST", timed::CREATE, &guest(name).request())?;
            let answer: CreateResponse = serde_json::from_slice(&created.body).context("the answer to a create")?;
            ensure!(answer.domain.is_some_and(|domain| domain.name == name), "another domain was created");
            return Ok((created.us, answer.cost));
        }
        Ok((timed::command(&borrowed(&self.create_words(name)?))?, None))
    }

    /// Destroys a domain; gives microseconds.
    pub fn destroy(self, name: &str) -> Result<u64> {
        match self {
            Self::Xl | Self::XlThatStays => timed::command(&["xl", "destroy", name]),
            Self::Api => Ok(timed::request(API_SOCKET, "DELETE", &timed::destroy(name), "")?.us),
            Self::Cli => timed::command(&[BINARY, "destroy", name]),
        }
    }

    /// Lists the domains; gives microseconds.
    pub fn list(self) -> Result<u64> {
        match self {
            Self::Xl | Self::XlThatStays => timed::command(&["xl", "list"]),
            Self::Api => Ok(timed::request(API_SOCKET, "GET", "/v1/domains", "")?.us),
            Self::Cli => timed::command(&[BINARY, "list"]),
        }
    }

    /// Asks for all of them at once; gives microseconds until the last is there. Every one must come.
    pub fn create_at_once(self, names: &[String]) -> Result<u64> {
        if self == Self::Api { requests_at_once(names) } else { self.commands_at_once(names) }
    }

    /// The command of a create.
    pub fn create_words(self, name: &str) -> Result<Vec<String>> {
        let guest = guest(name);
        Ok(match self {
            Self::Xl => owned(&["xl", "create", "-p", "-e", &guest.xl_file()?]),
            Self::XlThatStays => owned(&["xl", "create", "-p", &guest.xl_file()?]),
            Self::Api | Self::Cli => owned(&[BINARY, "create", "--paused", &guest.own_file()?]),
        })
    }

    fn commands_at_once(self, names: &[String]) -> Result<u64> {
        let words = names.iter().map(|name| self.create_words(name)).collect::<Result<Vec<_>>>()?;
        let began = Instant::now();
        let children = words.iter().map(|words| {
            let (program, arguments) = words.split_first().context("no command")?;
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().with_context(|| program.clone())
        });
        for mut child in children.collect::<Result<Vec<_>>>()? {
            let status = child.wait()?;
            ensure!(status.success(), "one of {} creates at once by {}: {status}", names.len(), self.name());
        }
        Ok(u64::try_from(began.elapsed().as_micros())?)
    }
}

fn requests_at_once(names: &[String]) -> Result<u64> {
    let start = Barrier::new(names.len() + 1);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for name in names {
            let start = &start;
            threads.push(scope.spawn(move || {
                start.wait();
                Maker::Api.create(name)
            }));
        }
        let began = Instant::now();
        start.wait();
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a request's thread panicked"))??;
        }
        Ok(u64::try_from(began.elapsed().as_micros())?)
    })
}

/// The config of such a domain, for our API.
pub fn config(name: &str) -> String {
    guest(name).config().to_string()
}

fn guest(name: &str) -> Guest<'_> {
    Guest { name, memory_mib: MEMORY_MIB, ..TINY }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// As they are given to a command.
pub fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
