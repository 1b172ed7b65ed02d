//! Core dumps, and the registers of a domain's vcpus.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;
use xen_abi::DomId;
use xen_abi::hypercall::domctl::vcpucontext as abi;
use xen_guest::core_dump::Dumped;
use xenith_api::latest::{Problem, VcpuRegisters};

use super::{Engine, failed, journal_problem};
use crate::fault::Fault;
use crate::journal::{DumpEntry, Operation};
use crate::plan;
use crate::run::{self, Both, Hook};
use crate::world::{Dump, DumpWatch, World};

impl Engine {
    /// Writes a core dump, or leaves no file. `operation` is the operation's id, unique; `hook` sees the steps, and `watch` is asked again and
    /// again while the memory is written.
    pub fn dump(&self, operation: Uuid, entry: &DumpEntry, hook: &dyn Hook, watch: Arc<DumpWatch>) -> Result<Dumped, Problem> {
        let subject = format!("domain {}", entry.name);
        let page = self.journal.begin(operation, &Operation::Dump(entry.clone())).map_err(|error| journal_problem(&subject, &error))?;
        let plan = plan::dump(entry);
        hook.planned(&Arc::new(plan.told(&[])));
        let dump = Arc::new(Dump { watch, written: Mutex::default() });
        let world = World { dump: Some(Arc::clone(&dump)), ..self.world.clone() };
        let hook = Both(&*self.hook, hook);
        run::start(&self.run_with(&plan.steps, &world, true, &hook), page).map_err(|failure| failed(&subject, &failure))?;
        let written = *dump.written.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(written.unwrap_or_default())
    }

    /// The registers of every vcpu that was started.
    pub fn registers(&self, domid: DomId, highest_vcpu: Option<u32>) -> Result<Vec<VcpuRegisters>, Fault> {
        let release = self.host.release;
        let mut all = Vec::new();
        for vcpu in 0..highest_vcpu.map_or(0, |highest| highest + 1) {
            let Some(context) = self.world.xen.vcpu_context(domid, vcpu)? else { continue };
            let told = REGISTERS.iter().map(|(name, member)| {
                let value = member.get(&release, &context).unwrap_or_default();
                ((*name).to_owned(), format!("{value:#018x}"))
            });
            all.push(VcpuRegisters { vcpu, registers: told.collect() });
        }
        Ok(all)
    }
}

/// In the order of a report.
const REGISTERS: [(&str, &xen_abi::record::Member); 24] = [
    ("rip", &abi::RIP),
    ("cs", &abi::CS),
    ("rflags", &abi::RFLAGS),
    ("rsp", &abi::RSP),
    ("ss", &abi::SS),
    ("rax", &abi::RAX),
    ("rbx", &abi::RBX),
    ("rcx", &abi::RCX),
    ("rdx", &abi::RDX),
    ("rsi", &abi::RSI),
    ("rdi", &abi::RDI),
    ("rbp", &abi::RBP),
    ("r8", &abi::R8),
    ("r9", &abi::R9),
    ("r10", &abi::R10),
    ("r11", &abi::R11),
    ("r12", &abi::R12),
    ("r13", &abi::R13),
    ("r14", &abi::R14),
    ("r15", &abi::R15),
    ("cr0", &abi::CR0),
    ("cr2", &abi::CR2),
    ("cr3", &abi::CR3),
    ("cr4", &abi::CR4),
];
