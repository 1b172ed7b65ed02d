//! What runs inside a simulated domain: a script that behaves like a PVH kernel.
//!
//! ```text
//!   first unpause with vcpu 0 up
//!      |  start::inspect: registers, start info, memory map, modules, ACPI, HVM params, ports, grants
//!      v
//!   Booted --problems--> crash (reason 3), each problem on Xen's console
//!      |  all vcpus online; hello line on the console
//!      v
//!   store handshake: domid, name, features, hello, watch ---> Ready ---> control/shutdown, console lines
//!      \------------------ the script may end it: poweroff, reboot, crash, flood, deaf, hostile rings
//! ```
//!
//! A guest runs only when an event, an unpause or time wakes it, under the machine's lock, until it has nothing more to do. So a scenario is
//! deterministic as far as its own side is.

mod console;
mod report;
mod script;
mod start;
mod store;
mod wire;

use xen_abi::record::{At, Member};
use xen_abi::{DomId, Port};

use crate::call::param;
use crate::life::SHUTDOWN_CRASH;
use crate::page::Page;
use crate::xen::Xen;
use console::Console;
pub use console::flood_bytes;
pub use report::{GuestReport, ModuleSeen};
pub use script::Script;
pub(crate) use script::Scripts;
use script::Settings;
use start::Start;
use store::{Store, StoreEvent};
pub(crate) use wire::Wire;

/// Guests that wake each other for ever are cut off after so many turns.
const TURNS_MAX: usize = 100_000;
/// What booting costs vcpu 0.
const BOOT_CPU_NS: u64 = 1_000_000;
/// What each turn costs vcpu 0.
const TURN_CPU_NS: u64 = 10_000;

/// A guest that has booted.
pub(crate) struct GuestRun {
    settings: Settings,
    report: GuestReport,
    started_ns: u64,
    console: Option<Console>,
    store: Option<Store>,
    ready: bool,
}

/// A page that the guest shares with a backend, and its port.
#[derive(Clone)]
pub(crate) struct Ring {
    pub(crate) page: Page,
    pub(crate) port: Port,
}

/// Where a member of a ring page stands; no release moved any of those used here.
const fn place(member: &Member) -> usize {
    match member.at {
        At::Always(offset) => offset,
        At::Since(_) => 0,
    }
}

impl GuestRun {
    pub(crate) fn report(&self) -> &GuestReport {
        &self.report
    }

    fn boot(xen: &mut Xen, domid: DomId) -> GuestRun {
        let start = start::inspect(xen, domid);
        let settings = xen.scripts.pick(&start.cmdline, &start.entry);
        for problem in &start.problems {
            xen.log(&format!("{domid}: start: {problem}"));
        }
        let mut guest = GuestRun {
            settings,
            report: GuestReport::of(&settings, &start),
            started_ns: xen.now_ns,
            console: None,
            store: None,
            ready: false,
        };
        if let Ok(domain) = xen.domain_mut(domid) {
            let busy = settings.script == Script::Busy;
            for vcpu in &mut domain.vcpus {
                vcpu.down = false;
                vcpu.blocked = !busy;
            }
        }
        xen.use_cpu(domid, BOOT_CPU_NS);
        guest.open_rings(xen, domid, &start);
        guest
    }

    fn open_rings(&mut self, xen: &mut Xen, domid: DomId, start: &Start) {
        if self.settings.script == Script::Halt || self.report.crashed() {
            return;
        }
        self.console = ring(xen, domid, start::CONSOLE).map(|ring| Console::new(ring, &self.settings, &self.report.hello(domid, start)));
        self.store = ring(xen, domid, start::STORE).map(|ring| Store::new(ring, domid, self.settings.script));
    }

    /// Does what can be done now; tells the reason of the shutdown that it ends in.
    fn turn(&mut self, xen: &mut Xen, domid: DomId) -> Option<u8> {
        if self.report.crashed() && self.settings.script != Script::Halt {
            return Some(SHUTDOWN_CRASH);
        }
        let told = self.store.as_mut().map(Store::turn).unwrap_or_default();
        let typed = self.console.as_mut().map(Console::turn).unwrap_or_default();
        self.notify(xen, domid);
        xen.use_cpu(domid, TURN_CPU_NS);
        let by_store = told.into_iter().find_map(|event| self.hear(event));
        let by_console = typed.iter().find_map(|line| self.obey(line));
        // What was said in return goes out before the end.
        if let Some(console) = self.console.as_mut() {
            console.turn();
        }
        if let Some(store) = self.store.as_mut() {
            store.turn();
        }
        self.notify(xen, domid);
        self.update_report();
        by_store.or(by_console).or_else(|| self.end_of_script(xen))
    }

    fn notify(&mut self, xen: &mut Xen, domid: DomId) {
        let store = self.store.as_mut().and_then(Store::take_notice);
        let console = self.console.as_mut().and_then(Console::take_notice);
        for port in [store, console].into_iter().flatten() {
            // A port that nobody bound yet loses the event, as on real Xen.
            let _ = xen.send(domid, port);
        }
    }

    /// What the store said.
    fn hear(&mut self, event: StoreEvent) -> Option<u8> {
        match event {
            StoreEvent::Ready => {
                self.ready = true;
                None
            }
            StoreEvent::Shutdown(word) => {
                self.report.shutdown_requests.push(word.clone());
                script::shutdown_reason(&word)
            }
        }
    }

    /// What somebody typed.
    fn obey(&mut self, line: &str) -> Option<u8> {
        let reason = script::shutdown_reason(line);
        if let (Some(console), None) = (self.console.as_mut(), reason) {
            console.say(&format!("you said: {line}\n"));
        }
        reason
    }

    fn end_of_script(&self, xen: &Xen) -> Option<u8> {
        let reason = self.settings.script.ends_with()?;
        let due = xen.now_ns.saturating_sub(self.started_ns) >= self.settings.after_ns;
        let said = self.console.as_ref().is_none_or(Console::is_drained);
        (due && said && self.ready).then_some(reason)
    }

    fn update_report(&mut self) {
        self.report.ready = self.ready;
        if let Some(console) = &self.console {
            self.report.console_written = console.written();
            self.report.console_read = console.heard().to_vec();
        }
        if let Some(store) = &self.store {
            self.report.store_answers = store.answers().to_vec();
        }
    }
}

/// A ring named by two HVM parameters: its frame and its port.
fn ring(xen: &mut Xen, domid: DomId, params: (u32, u32)) -> Option<Ring> {
    let (frame, port) = (param(xen, domid, params.0), param(xen, domid, params.1));
    let page = xen.guest_page(domid, frame)?;
    Some(Ring { page, port: Port(port as u32) })
}

impl Xen {
    /// Lets every guest that was woken do what it can, until none is awake.
    pub(crate) fn run_guests(&mut self) {
        for _ in 0..TURNS_MAX {
            let Some(domid) = self.awake.pop_first() else { return };
            self.run_guest(domid);
        }
    }

    fn run_guest(&mut self, domid: DomId) {
        if domid == DomId::DOM0 {
            return self.run_dom0_kernel();
        }
        let Ok(domain) = self.domain_mut(domid) else { return };
        if !domain.is_hvm() || !domain.is_runnable() || domain.vcpus.first().is_none_or(|vcpu| vcpu.down) {
            return;
        }
        let ports: Vec<Port> = domain.ports.iter().map(|(port, _)| port).collect();
        for port in ports {
            if let Some(channel) = domain.ports.get_mut(port) {
                channel.pending = false;
            }
        }
        let mut guest = self.guests.remove(&domid).unwrap_or_else(|| GuestRun::boot(self, domid));
        let end = guest.turn(self, domid);
        self.guests.insert(domid, guest);
        if let Some(reason) = end {
            self.shutdown_domain(domid, reason);
        }
    }

    /// Lets time pass: vcpus that run use it, and guests whose script waits for a moment wake.
    pub(crate) fn pass_time(&mut self, ns: u64) {
        self.now_ns = self.now_ns.saturating_add(ns);
        for domain in self.domains.values_mut().filter(|domain| domain.is_runnable()) {
            for vcpu in domain.vcpus.iter_mut().filter(|vcpu| !vcpu.down && !vcpu.blocked) {
                vcpu.cpu_time_ns = vcpu.cpu_time_ns.saturating_add(ns);
            }
        }
        let waiting = self.guests.iter().filter(|(_, guest)| guest.settings.after_ns > 0).map(|(domid, _)| *domid);
        self.awake.extend(waiting);
    }

    fn use_cpu(&mut self, domid: DomId, ns: u64) {
        if let Some(vcpu) = self.domain_mut(domid).ok().and_then(|domain| domain.vcpus.first_mut()) {
            vcpu.cpu_time_ns = vcpu.cpu_time_ns.saturating_add(ns);
        }
    }
}
