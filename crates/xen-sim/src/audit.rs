//! A snapshot of everything that a leftover would show in, to be compared with another.

use std::collections::BTreeMap;
use std::fmt;

use xen_abi::{DomId, Port};

use crate::domain::Life;
use crate::evtchn::Binding;
use crate::mapping::Kind;
use crate::xen::Xen;

/// What the host holds. Equal before and after means that nothing stayed behind. Units are pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Free memory.
    pub free_pages: u64,
    /// Memory promised by claims.
    pub claimed_pages: u64,
    /// Every domain, dying ones included.
    pub domains: BTreeMap<DomId, DomainAudit>,
}

/// What a domain holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainAudit {
    /// Memory that it has.
    pub pages: u64,
    /// Memory that it may have.
    pub max_pages: u64,
    /// Its claim.
    pub claim_pages: u64,
    /// Its paging pool.
    pub paging_pool_pages: u64,
    /// Destroyed, but held by somebody's mapping.
    pub dying: bool,
    /// Why it shut down.
    pub shutdown: Option<u8>,
    /// Its ports and what they are bound to.
    pub ports: BTreeMap<Port, String>,
    /// Frames of others that its processes map by gfn.
    pub foreign_frames: usize,
    /// Grants of others that its processes map.
    pub grants: usize,
    /// How many mappings of resources its processes have.
    pub resources: usize,
}

impl Audit {
    pub(crate) fn of(xen: &Xen) -> Audit {
        let mut domains: BTreeMap<DomId, DomainAudit> = xen
            .domains
            .iter()
            .map(|(domid, domain)| {
                let audit = DomainAudit {
                    pages: domain.tot_pages,
                    max_pages: domain.max_pages,
                    claim_pages: domain.claim,
                    paging_pool_pages: domain.pool.pages,
                    dying: domain.life == Life::Dead,
                    shutdown: domain.shutdown,
                    ports: domain.ports.iter().map(|(port, channel)| (port, binding(channel.binding))).collect(),
                    ..DomainAudit::default()
                };
                (*domid, audit)
            })
            .collect();
        for mapping in xen.mappings.values() {
            let Some(holder) = xen.processes.get(&mapping.process).and_then(|process| domains.get_mut(&process.domid)) else { continue };
            match &mapping.kind {
                Kind::Foreign(gfns) => holder.foreign_frames += gfns.len(),
                Kind::Grant { grants, .. } => holder.grants += grants.len(),
                Kind::Resource => holder.resources += 1,
            }
        }
        Audit { free_pages: xen.heap.free, claimed_pages: xen.heap.claimed, domains }
    }
}

fn binding(binding: Binding) -> String {
    match binding {
        Binding::Unbound { remote } => format!("unbound, for {remote}"),
        Binding::Interdomain { remote, port } => format!("{remote} {port}"),
        Binding::Virq { virq } => format!("virq {virq}"),
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "free {} pages, claimed {}", self.free_pages, self.claimed_pages)?;
        for (domid, domain) in &self.domains {
            let DomainAudit { pages, max_pages, claim_pages, paging_pool_pages, foreign_frames, grants, resources, .. } = domain;
            let state = match (domain.dying, domain.shutdown) {
                (true, _) => "dying".to_owned(),
                (false, Some(reason)) => format!("shut down ({reason})"),
                (false, None) => "alive".to_owned(),
            };
            writeln!(
                f,
                "{domid} {state}: {pages} of {max_pages} pages, claim {claim_pages}, pool {paging_pool_pages}, maps {foreign_frames} frames, {grants} grants, {resources} resources"
            )?;
            for (port, bound) in &domain.ports {
                writeln!(f, "{domid} {port}: {bound}")?;
            }
        }
        Ok(())
    }
}
