//! Where everything of the domain lies, or why it does not fit, told about the config's keys.

use xen_guest::pvh::layout::{Layout, LayoutError, Request};
use xenith_api::latest::{Code, DomainConfig, Problem};

use crate::facts::CreateFacts;

/// Lays the domain out.
pub(super) fn layout(config: &DomainConfig, facts: &CreateFacts<'_>) -> Result<Layout, Problem> {
    let request = Request {
        kernel: facts.kernel,
        initrd_bytes: facts.initrd_bytes,
        cmdline: &config.boot.cmdline,
        memory_bytes: config.memory_kib << 10,
        vcpus: config.vcpus,
        release: facts.host.release,
    };
    Layout::plan(&request).map_err(|error| problem(&config.name, &error))
}

fn problem(name: &str, error: &LayoutError) -> Problem {
    let (code, advice) = match error {
        LayoutError::TooSmall { .. } => (Code::MemoryTooSmall, "give the domain more memory"),
        LayoutError::TooLarge { .. } => (Code::KernelTooLarge, "use a smaller initrd"),
        LayoutError::OverRsdp { .. } => (Code::KernelUnsuitable, "use another kernel"),
        LayoutError::Vcpus { .. } | LayoutError::Uneven { .. } => (Code::ConfigOutOfRange, "correct the config"),
        LayoutError::CmdlineTooLong { .. } | LayoutError::CmdlineZero { .. } => (Code::ConfigBadValue, "correct the command line"),
    };
    let subject = format!("domain {name}");
    Problem::new(code, subject.clone(), format!("{subject}: {error}"), advice)
}
