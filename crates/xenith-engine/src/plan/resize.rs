//! The plan of a resize: another bound for Xen, other nodes for the guest. The semantics are those of `xl mem-set` and `xl vcpu-set`:
//!
//! ```text
//!   memory   memory/target = wanted - video memory <= memory/static-max    libxl_set_memory_target, with enforce
//!            bound in Xen  = wanted + slack
//!            on demand     = memory/target + slack, for HVM and PVH
//!   vcpus    cpu/N/availability, online below the wanted number            libxl_set_vcpuonline
//! ```
//!
//! The bound comes first, so that Xen takes the target of what is populated on demand, and the guest finds room when it reads its own. No domain of
//! ours is populated on demand; one of xl with maxmem above memory is, and Xen alone knows. libxl also notes the target in `/vm`, where nobody reads it.

use xen_abi::DomId;
use xenith_api::latest::domain::memory_to_text;
use xenith_api::latest::{Code, Problem};

use super::{Plan, SLACK_KIB};
use crate::facts::SizeFacts;
use crate::journal::{MemorySize, ResizeEntry, Size};
use crate::step::{BoundMemory, PodTarget, SizeNodes, Step};

/// What a domain that is there shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its memory in KiB, where that changes.
    pub memory_kib: Option<u64>,
    /// How many vcpus are online, where that changes.
    pub vcpus: Option<u32>,
}

/// What changes from what to what, or why it cannot while the domain runs.
pub fn size(wanted: &Wanted, facts: &SizeFacts) -> Result<ResizeEntry, Problem> {
    let memory = wanted.memory_kib.map(|kib| memory(kib, facts)).transpose()?;
    let vcpus = wanted.vcpus.map(|vcpus| online(vcpus, facts)).transpose()?;
    let ((before, after), (was, is)) = (memory.unzip(), vcpus.unwrap_or_default());
    let SizeFacts { uuid, domid, name, .. } = facts.clone();
    let pod_target_kib = after.filter(|_| facts.hvm).map(|to| to.target_kib.saturating_add(SLACK_KIB));
    Ok(ResizeEntry {
        uuid,
        domid,
        name,
        from: Size { memory: before, online: was },
        to: Size { memory: after, online: is },
        pod_target_kib,
    })
}

fn memory(wanted_kib: u64, facts: &SizeFacts) -> Result<(MemorySize, MemorySize), Problem> {
    let (Some(target_kib), Some(most_kib)) = (facts.target_kib, facts.static_max_kib) else {
        return Err(refused(facts, "the store does not say how much memory it has", "resize it by the toolstack that made it"));
    };
    let to = MemorySize { target_kib: wanted_kib.saturating_sub(facts.videoram_kib), bound_kib: wanted_kib.saturating_add(SLACK_KIB) };
    if to.target_kib > most_kib {
        let most = memory_to_text(most_kib);
        let what = format!("it was started with {most}, and cannot have {} before it starts again", memory_to_text(wanted_kib));
        return Err(Problem { pointer: Some("/memory".to_owned()), ..needs_restart(facts, &what) });
    }
    Ok((MemorySize { target_kib, bound_kib: facts.bound_kib }, to))
}

fn online(wanted: u32, facts: &SizeFacts) -> Result<(Vec<bool>, Vec<bool>), Problem> {
    if facts.emulated {
        let what = "its vcpus come and go by its device model, which is not asked";
        return Err(refused(facts, what, "use `xl vcpu-set`"));
    }
    let most = facts.online.len();
    if wanted as usize > most {
        let what = format!("it was created with {most} vcpus, and cannot have {wanted} before it starts again");
        return Err(Problem { pointer: Some("/vcpus".to_owned()), ..needs_restart(facts, &what) });
    }
    Ok((facts.online.clone(), (0..most).map(|vcpu| vcpu < wanted as usize).collect()))
}

fn refused(facts: &SizeFacts, what: &str, advice: &str) -> Problem {
    let subject = format!("domain {}", facts.name);
    Problem::new(Code::DomainState, subject.clone(), format!("{subject}: {what}"), advice)
}

fn needs_restart(facts: &SizeFacts, what: &str) -> Problem {
    let subject = format!("domain {}", facts.name);
    let advice = format!("store its config with that size, and run `xenith restart {}`", facts.name);
    Problem::new(Code::NeedsRestart, subject.clone(), format!("{subject}: {what}"), advice)
}

/// The steps that do it.
#[must_use]
pub fn resize(entry: &ResizeEntry) -> Plan {
    let ResizeEntry { uuid, domid, from, to, pod_target_kib, .. } = entry;
    let (uuid, domid) = (*uuid, DomId(*domid));
    let bound = from.memory.zip(to.memory);
    let bound = bound.map(|(from, to)| Step::from(BoundMemory { uuid, domid, from_kib: from.bound_kib, to_kib: to.bound_kib }));
    let pod = pod_target_kib.map(|target_kib| Step::from(PodTarget { uuid, domid, target_kib }));
    let nodes = SizeNodes { uuid, domid, from: from.clone(), to: to.clone() };
    Plan { steps: bound.into_iter().chain(pod).chain([nodes.into()]).collect(), whole_from: 0 }
}
