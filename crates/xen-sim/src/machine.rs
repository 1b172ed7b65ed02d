//! The handle of a simulated host.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xen_abi::{DomId, Release};
use xen_hv::SeamError;

use crate::audit::Audit;
use crate::config::MachineConfig;
use crate::dom0::KernelMessage;
use crate::fault::{FaultPlan, Step};
use crate::guest::{GuestReport, Script, Wire};
use crate::handle::Handle;
use crate::xen::Xen;

/// A simulated host. Clones speak of the same one; any thread may use any clone.
///
/// Given the same release, configuration and order of operations, it answers the same.
#[derive(Clone)]
pub struct Machine {
    xen: Arc<Mutex<Xen>>,
}

impl Machine {
    /// Boots a host with this release of Xen and dom0 alone.
    #[must_use]
    pub fn new(release: Release, config: MachineConfig) -> Machine {
        Machine { xen: Arc::new(Mutex::new(Xen::boot(release, config))) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Xen> {
        self.xen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process in a domain, named after the domain.
    pub fn as_domain(&self, domid: DomId) -> Result<Handle, SeamError> {
        self.process(domid, &domid.to_string())
    }

    /// A process in a domain. Its ports and mappings go when the last clone of the handle goes, as when the process is killed; the name is for
    /// [`FaultPlan::only_for`]. Fails where this program has no descriptor left.
    pub fn process(&self, domid: DomId, name: &str) -> Result<Handle, SeamError> {
        Handle::open(self.clone(), domid, name)
    }

    /// The release that it runs.
    #[must_use]
    pub fn release(&self) -> Release {
        self.lock().release
    }

    /// The host that it is.
    #[must_use]
    pub fn config(&self) -> MachineConfig {
        self.lock().config.clone()
    }

    /// The virtual time since boot, in nanoseconds.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.lock().now_ns
    }

    /// Lets time pass, which nothing else does; guests that run use processor time, and those with something to do then do it.
    pub fn advance_ns(&self, ns: u64) {
        let mut xen = self.lock();
        xen.pass_time(ns);
        xen.run_guests();
    }

    /// Lets every guest that can run look at its rings, as if each had an event.
    pub fn run_guests(&self) {
        let mut xen = self.lock();
        let all: Vec<DomId> = xen.guests.keys().copied().collect();
        xen.awake.extend(all);
        xen.run_guests();
    }

    /// What the guest in a domain has done so far; none before its first unpause and after the domain's end.
    #[must_use]
    pub fn guest(&self, domid: DomId) -> Option<GuestReport> {
        self.lock().guests.get(&domid).map(|guest| guest.report().clone())
    }

    /// Lets dom0's kernel send a request to the store on its ring: a type and a payload of public/io/xs_wire.h. Gives the request's id.
    pub fn dom0_kernel_asks(&self, kind: u32, payload: &[u8]) -> u32 {
        let mut xen = self.lock();
        let id = xen.dom0_store.as_mut().map_or(0, |wire| wire.send(kind, payload));
        xen.awake.insert(DomId::DOM0);
        xen.run_guests();
        id
    }

    /// The next message that dom0's kernel got from the store.
    #[must_use]
    pub fn dom0_kernel_heard(&self) -> Option<KernelMessage> {
        self.lock().dom0_store.as_mut().and_then(Wire::next)
    }

    /// Runs this script in every domain whose kernel begins with these bytes at its entry point. A script named on the command line
    /// (`sim.script=NAME`) goes first.
    pub fn script_for_kernel(&self, entry: &[u8], script: Script) {
        self.lock().scripts.for_kernel(entry, script);
    }

    /// Sets the faults to come and starts the list of steps anew.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.lock().set_faults(plan);
    }

    /// The operations asked for since the last [`Machine::set_faults`].
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.lock().steps().to_vec()
    }

    /// How many of them met a fault: a test that wants one must see that it came.
    #[must_use]
    pub fn fault_hits(&self) -> usize {
        self.lock().fault_hits()
    }

    /// Everything that a leftover would show in.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::of(&self.lock())
    }

    /// What Xen wrote to its own console: the reasons of refusals that the ABI tells by a bare number.
    #[must_use]
    pub fn console(&self) -> String {
        self.lock().console.text()
    }
}
