//! One guest from its first instruction to its shutdown.
//!
//! ```text
//!   boot: inspect the start, pick the script, all vcpus online, rings open
//!   turn: store and console move; what was asked is done; answers go out; then perhaps the end
//! ```

use xen_abi::{DomId, Port};

use super::Ring;
use super::balloon::Balloon;
use super::console::Console;
use super::report::GuestReport;
use super::script::{self, Script, Settings};
use super::start::{self, Start};
use super::store::{Store, StoreEvent};
use crate::call::param;
use crate::life::SHUTDOWN_CRASH;
use crate::xen::Xen;

/// What booting costs vcpu 0.
const BOOT_CPU_NS: u64 = 1_000_000;
/// What each turn costs vcpu 0.
const TURN_CPU_NS: u64 = 10_000;

/// A guest that has booted.
pub(crate) struct GuestRun {
    pub(super) settings: Settings,
    report: GuestReport,
    started_ns: u64,
    console: Option<Console>,
    store: Option<Store>,
    balloon: Balloon,
    ready: bool,
}

impl GuestRun {
    pub(crate) fn report(&self) -> &GuestReport {
        &self.report
    }

    /// Starts the kernel.
    pub(super) fn boot(xen: &mut Xen, domid: DomId) -> GuestRun {
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
            balloon: Balloon::new(start.ram.clone()),
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
    pub(super) fn turn(&mut self, xen: &mut Xen, domid: DomId) -> Option<u8> {
        if self.report.crashed() && self.settings.script != Script::Halt {
            return Some(SHUTDOWN_CRASH);
        }
        let by_store = self.listen(xen, domid);
        let typed = self.console.as_mut().map(Console::turn).unwrap_or_default();
        self.notify(xen, domid);
        xen.use_cpu(domid, TURN_CPU_NS);
        self.balloon.turn(xen, domid);
        let by_console = typed.iter().find_map(|line| self.obey(line));
        // What was said in return goes out before the end.
        if let Some(console) = self.console.as_mut() {
            console.push();
        }
        // The store, which is another thread, may have answered meanwhile.
        let by_store = by_store.or_else(|| self.listen(xen, domid));
        self.notify(xen, domid);
        self.update_report();
        by_store.or(by_console).or_else(|| self.end_of_script(xen, domid))
    }

    fn notify(&mut self, xen: &mut Xen, domid: DomId) {
        let store = self.store.as_mut().and_then(Store::take_notice);
        let console = self.console.as_mut().and_then(Console::take_notice);
        for port in [store, console].into_iter().flatten() {
            // A port that nobody bound yet loses the event, as on real Xen.
            let _ = xen.send(domid, port);
        }
    }

    /// Moves the conversation with the store, and does what it said; tells the reason of a shutdown that it asked for.
    fn listen(&mut self, xen: &mut Xen, domid: DomId) -> Option<u8> {
        let told = self.store.as_mut().map(Store::turn).unwrap_or_default();
        told.into_iter().find_map(|event| self.hear(xen, domid, event))
    }

    /// What the store said.
    fn hear(&mut self, xen: &mut Xen, domid: DomId, event: StoreEvent) -> Option<u8> {
        match event {
            StoreEvent::Ready => {
                self.ready = true;
                None
            }
            StoreEvent::Shutdown(word) => {
                self.report.shutdown_requests.push(word.clone());
                script::shutdown_reason(&word)
            }
            StoreEvent::Target(kib) => {
                self.balloon.aim(kib);
                None
            }
            StoreEvent::Vcpu(number, online) => {
                take_vcpu(xen, domid, number, online);
                None
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

    /// A kernel that was reset in place is another one, and goes on.
    fn end_of_script(&self, xen: &Xen, domid: DomId) -> Option<u8> {
        let reason = self.settings.script.ends_with().filter(|_| xen.domain(domid).is_ok_and(|domain| !domain.was_reset))?;
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

/// A vcpu goes down, as one that halts with interrupts off does (`hvm_hlt`, xen/arch/x86/hvm/hvm.c), or comes up. The first one stays.
fn take_vcpu(xen: &mut Xen, domid: DomId, number: usize, online: bool) {
    let vcpu = xen.domain_mut(domid).ok().and_then(|domain| domain.vcpus.get_mut(number));
    if let Some(vcpu) = vcpu.filter(|vcpu| number > 0 && vcpu.down == online) {
        (vcpu.down, vcpu.blocked) = (!online, true);
    }
}

/// A ring named by two HVM parameters: its frame and its port.
fn ring(xen: &mut Xen, domid: DomId, params: (u32, u32)) -> Option<Ring> {
    let (frame, port) = (param(xen, domid, params.0), param(xen, domid, params.1));
    let page = xen.guest_page(domid, frame)?;
    Some(Ring { page, port: Port(port as u32) })
}
