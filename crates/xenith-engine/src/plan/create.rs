//! The plan of a create. The order is that of libxl and the reasons with it: bounds before memory, the claim after the bound, the paging pool before
//! any page, the context last before the grants.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use xen_abi::Gfn;
use xen_abi::hypercall::domctl::createdomain::{self, CreateFlags};
use xen_guest::pvh::layout::{CONSOLE_GFN, Layout, STORE_GFN};
use xenith_api::latest::domain::memory_to_text;
use xenith_api::latest::{Code, Complaint, DomainConfig, Problem};

use super::{PEERS, Plan, SLACK_KIB, layout};
use crate::check;
use crate::facts::{CreateFacts, HostFacts};
use crate::nodes::NodeSpec;
use crate::record::DomainRecord;
use crate::step::*;

/// The steps that create this domain, or every reason why there are none.
pub fn create(config: &DomainConfig, facts: &CreateFacts<'_>) -> Result<Plan, Problem> {
    let mut complaints = check::complaints(config);
    complaints.extend(beyond(config, facts.host));
    if let Some(problem) = check::problem(&config.name, complaints) {
        return Err(problem);
    }
    let flags = flags(facts.host)?;
    let layout = Arc::new(layout::layout(config, facts)?);
    let mut steps = build(config, facts, flags, &layout);
    let whole_from = steps.len();
    steps.extend(tail(config, facts.uuid, facts.now, facts.paused, facts.quick_restarts));
    Ok(Plan { steps, whole_from })
}

/// The steps up to a domain that lacks nothing but its place in the store.
fn build(config: &DomainConfig, facts: &CreateFacts<'_>, flags: CreateFlags, layout: &Arc<Layout>) -> Vec<Step> {
    let host = facts.host;
    let (uuid, vcpus) = (facts.uuid, config.vcpus);
    let layout = || Arc::clone(layout);
    vec![
        CreateDomain { uuid, vcpus, flags, max_grant_version: host.max_grant_version, ssidref: host.release.initial_domu_sid() }.into(),
        MaxVcpus { vcpus }.into(),
        MaxMem { max_kib: config.memory_kib + SLACK_KIB }.into(),
        Claim { pages: layout().total_pages() }.into(),
        PagingPool { kib: paging_pool_kib(config, flags) }.into(),
        EventChannels { store: PEERS.store, console: PEERS.console }.into(),
        SetCpuPolicy { default: Arc::clone(&host.cpu_default) }.into(),
        Populate { layout: layout() }.into(),
        ReleaseClaim.into(),
        SetMemoryMap { layout: layout() }.into(),
        Load { layout: layout(), cmdline: config.boot.cmdline.clone() }.into(),
        SetHvmParams.into(),
        SetVcpuContext { layout: layout() }.into(),
        SeedGrants { peers: PEERS }.into(),
    ]
}

/// The steps of a domain that is whole: what a create that was killed late is resumed with.
#[must_use]
pub fn tail(config: &DomainConfig, uuid: Uuid, created: Duration, paused: bool, quick_restarts: u32) -> Vec<Step> {
    let hundredths = created.subsec_millis() / 10;
    let spec = NodeSpec {
        name: config.name.clone(),
        uuid,
        memory_kib: config.memory_kib,
        vcpus: config.vcpus,
        store_gfn: Gfn(STORE_GFN),
        console_gfn: Gfn(CONSOLE_GFN),
        started: (created.as_secs(), u8::try_from(hundredths).unwrap_or(0)),
    };
    let created_ms = u64::try_from(created.as_millis()).unwrap_or(u64::MAX);
    let record = DomainRecord { uuid, domid: 0, created_ms, quick_restarts, held: false, config: config.clone() };
    let mut steps: Vec<Step> = vec![StoreNodes { spec }.into(), Record { record }.into(), Introduce { gfn: Gfn(STORE_GFN) }.into()];
    if !paused {
        steps.push(Unpause.into());
    }
    steps
}

/// What is more than the host has at all.
fn beyond(config: &DomainConfig, host: &HostFacts) -> Option<Complaint> {
    let (wanted, total) = (config.memory_kib, host.total_kib);
    let message = || format!("the host has {} in all; give the domain less", memory_to_text(total));
    (wanted > total && wanted <= xenith_api::latest::form::MEMORY_MAX_KIB)
        .then(|| Complaint::new(Code::MemoryInsufficient, "memory", message()).value(&memory_to_text(wanted)))
}

/// Hardware-assisted paging where the host has it, shadow page tables where it has only those.
fn flags(host: &HostFacts) -> Result<CreateFlags, Problem> {
    let capabilities = host.capabilities;
    let lacking = |what: &str| {
        let title = format!("this host cannot run PVH domains: Xen reports no {what}");
        Err(Problem::new(Code::HostIncapable, "host", title, "enable virtualization in the firmware, or use another host"))
    };
    match (capabilities.hvm(), capabilities.hap(), capabilities.shadow()) {
        (false, ..) => lacking("HVM support"),
        (_, true, _) => Ok(CreateFlags(createdomain::CDF_HVM | createdomain::CDF_HAP)),
        (_, _, true) => Ok(CreateFlags(createdomain::CDF_HVM)),
        _ => lacking("hardware-assisted paging, and this build has no shadow paging"),
    }
}

/// libxl's formula: a MiB for each vcpu, and a page for each MiB of memory, two with shadow page tables.
fn paging_pool_kib(config: &DomainConfig, flags: CreateFlags) -> u64 {
    let per_mib = if flags.0 & createdomain::CDF_HAP != 0 { 1 } else { 2 };
    4 * (256 * u64::from(config.vcpus) + per_mib * config.memory_kib.div_ceil(1024))
}
