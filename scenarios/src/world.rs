//! What a story can do and see, wherever it runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use xen_abi::hypercall::sched::ShutdownReason;
use xenith_api::client::{Client, Exchange, Header};
use xenith_api::latest::{
    Action, Boot, Code, CreateRequest, Domain, DomainConfig, DomainState, DomainType, Event, On, Problem, Start, routes,
};

use xenith_api::openapi::{self, conform};

use crate::leftovers::Leftovers;

/// What a guest does once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// Boots, says so on its console, obeys a shutdown.
    Linux,
    /// Halts at its first instruction; a few hundred bytes of ELF.
    Halting,
    /// Runs without end and says nothing.
    Busy,
    /// Stops at once for this reason; reset in place, it runs without end.
    Ends(ShutdownReason),
    /// Boots, says so, and lets its kernel end the domain for this reason: a panic, a watchdog that runs out, a kexec.
    LinuxEnds(ShutdownReason),
    /// Boots and counts on its console, a line each, from 1 to [`COUNT`].
    Counts,
}

/// How far [`Guest::Counts`] counts.
pub const COUNT: u32 = 3000;

/// A process that a story kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `xenith control`.
    Control,
    /// `xenith console`.
    Console,
}

/// What a role's process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Its memory in KiB: what is its own, and of what it shares with others a share.
    pub pss_kib: u64,
    /// Open descriptors.
    pub descriptors: usize,
}

/// What every answer is held against.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(openapi::TEXT).unwrap_or_default());

/// The API, however it is reached, and every answer of it checked against the API's document. Clones share the way.
#[derive(Clone)]
pub struct Api(pub Arc<dyn Exchange + Send + Sync>);

impl Exchange for Api {
    fn exchange(&self, method: &str, path: &str, headers: &[Header<'_>], body: Option<&[u8]>) -> Result<(u16, Vec<u8>), Problem> {
        let (status, body) = self.0.exchange(method, path, headers, body)?;
        match conform::answer(&DOCUMENT, method, path, status, &body).as_slice() {
            [] => Ok((status, body)),
            faults => {
                let told = format!("{method} {path}: {status} is not what the API's document says: {}", faults.join("; "));
                Err(Problem::new(Code::Internal, "API", told, "correct the document or the daemon"))
            }
        }
    }
}

/// A role that ran this long is started again at once, and `xenith all` does not hold its death against it. While no domain runs, time in which
/// nobody does anything costs the lab nothing.
pub const SETTLED: Duration = Duration::from_secs(11);

/// A host with Xenith on it.
pub trait World {
    /// The way to the API.
    fn api(&self) -> Api;
    /// The API's socket.
    fn socket(&self) -> PathBuf;
    /// The stories' own program, to be run as a process of its own.
    fn program(&self) -> Result<PathBuf>;
    /// The API's client.
    fn client(&self) -> Client<Api> {
        Client::new(self.api())
    }
    /// What makes a domain that behaves like this.
    fn boot(&mut self, guest: Guest) -> Result<Boot>;
    /// Writes a file where control can read it, and gives its path.
    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<String>;
    /// What stands on the console of a guest with that many vcpus once all are online.
    fn hello(&self, vcpus: u32) -> String;
    /// The line with which [`Guest::Counts`] says this number, from 1 on.
    fn count_line(&self, number: u32) -> String;
    /// Lets the host work for a while: time passes.
    fn pass(&mut self, time: Duration) -> Result<()>;
    /// Every way that leads to the store: its socket, and the kernel's device where there is one.
    fn store_places(&self) -> Vec<PathBuf>;
    /// The longest that a guest's boot may take.
    fn boot_limit(&self) -> Duration;
    /// How much free memory may differ between two looks when nothing was left behind, in KiB.
    fn slack_kib(&self) -> u64;
    /// Everything that a leftover would show in.
    fn leftovers(&mut self) -> Result<Leftovers>;
    /// What each role's process holds, by its name; none where the roles are no processes.
    fn footprints(&self) -> Result<BTreeMap<String, Footprint>>;
    /// Ends a role at once (SIGKILL in the lab; on the simulator a stop between two turns), and sees that it comes back.
    fn kill(&mut self, role: Role) -> Result<()>;
    /// Ends control at once and starts it as after the host's boot: whatever is to start with the host does so.
    fn boot_again(&mut self) -> Result<()>;
    /// Whether control has dealt with all that is to start with the host since it booted.
    fn is_autostarted(&self) -> bool;
}

/// Asks until the answer is there, or fails with what was waited for.
pub fn until<T>(world: &mut dyn World, what: &str, limit: Duration, mut ask: impl FnMut(&mut dyn World) -> Result<Option<T>>) -> Result<T> {
    const STEP: Duration = Duration::from_millis(100);
    let mut waited = Duration::ZERO;
    loop {
        if let Some(answer) = ask(world).with_context(|| format!("while waiting for {what}"))? {
            return Ok(answer);
        }
        if waited >= limit {
            bail!("{what}: not within {} s", limit.as_secs());
        }
        world.pass(STEP)?;
        waited += STEP;
    }
}

/// What the host holds once two looks in a row say the same: roles let go of what an earlier domain had in their own time.
pub fn steady(world: &mut dyn World) -> Result<Leftovers> {
    let (limit, mut last) = (world.boot_limit(), None);
    until(world, "two looks at the host to agree", limit, |world| {
        let now = world.leftovers()?;
        let agrees = last.replace(now.clone()).is_some_and(|last: Leftovers| last.differences(&now, world.slack_kib()).is_empty());
        Ok(agrees.then_some(now))
    })
}

/// A config of this name for such a guest: 1 vcpu, room enough, nothing restarted.
pub fn config(world: &mut dyn World, name: &str, guest: Guest) -> Result<DomainConfig> {
    let memory_kib = if matches!(guest, Guest::Linux | Guest::LinuxEnds(_) | Guest::Counts) { 160 << 10 } else { 16 << 10 };
    Ok(DomainConfig {
        name: name.to_string(),
        uuid: None,
        kind: DomainType::Pvh,
        vcpus: 1,
        memory_kib,
        boot: world.boot(guest)?,
        on: On {
            poweroff: Action::Destroy,
            reboot: Action::Destroy,
            crash: Action::Destroy,
            watchdog: Action::Destroy,
            soft_reset: Action::Destroy,
        },
        start: Start::default(),
    })
}

/// Creates a domain and leaves it running.
pub fn create(world: &mut dyn World, config: &DomainConfig) -> Result<Domain> {
    request(world, config, false)
}

/// Creates a domain and leaves it paused.
pub fn create_paused(world: &mut dyn World, config: &DomainConfig) -> Result<Domain> {
    request(world, config, true)
}

fn request(world: &mut dyn World, config: &DomainConfig, paused: bool) -> Result<Domain> {
    let request = CreateRequest { config: config.clone(), paused, dry_run: false };
    let answer = world.client().create(&request).with_context(|| format!("create {}", config.name))?;
    answer.domain.context("a create without a domain")
}

/// Every event so far.
pub fn events(world: &dyn World) -> Result<Vec<Event>> {
    events_since(world, 0)
}

/// Every event behind that of this number.
pub fn events_since(world: &dyn World, seq: u64) -> Result<Vec<Event>> {
    let (status, lines) = world.api().0.exchange("GET", &format!("{}?since={seq}", routes::EVENTS.path), &[], None)?;
    ensure!(status == 200, "events: {status}");
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
}

/// The console's log as text.
pub fn console_text(world: &mut dyn World, name: &str) -> Result<String> {
    let log = world.client().console_log(name)?;
    Ok(String::from_utf8_lossy(&log).into_owned())
}

/// Waits until a text stands on the console, and gives all that stands there.
pub fn console_says(world: &mut dyn World, name: &str, text: &str) -> Result<String> {
    let limit = world.boot_limit();
    until(world, &format!("\"{text}\" on the console of {name}"), limit, |world| {
        let said = console_text(world, name)?;
        Ok(said.contains(text).then_some(said))
    })
}

/// Waits until a domain is in one of these states, and gives it.
pub fn state_is(world: &mut dyn World, name: &str, states: &[DomainState]) -> Result<Domain> {
    let limit = world.boot_limit();
    until(world, &format!("{name} to be {states:?}"), limit, |world| {
        let domain = world.client().domain(name)?;
        Ok(states.contains(&domain.state).then_some(domain))
    })
}

/// Waits until no domain has this name.
pub fn gone(world: &mut dyn World, name: &str) -> Result<()> {
    let limit = world.boot_limit();
    until(world, &format!("the end of {name}"), limit, |world| {
        let there = world.client().list()?.iter().any(|domain| domain.name == name);
        Ok((!there).then_some(()))
    })
}
