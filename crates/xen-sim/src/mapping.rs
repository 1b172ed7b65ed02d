//! Mappings of one domain's pages in another: foreign maps, grants, resources.
//!
//! ```text
//!   Handle::map --> Mapping record (in Xen: whose, which frames, which process)
//!              \--> MappedPages (given out: the pages themselves; its drop unmaps)
//! ```

use std::collections::BTreeSet;

use crate::page::Page;
use crate::process::ProcessId;
use crate::xen::Xen;
use xen_abi::{DomId, Errno, GrantRef};

/// How a mapping came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By gfn: these.
    Foreign(Vec<u64>),
    /// By grant reference: these, with the gfns that they named.
    Grant { grants: Vec<GrantRef>, gfns: Vec<u64>, write: bool },
    /// Frames of Xen's own.
    Resource,
}

/// A mapping that exists.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) process: ProcessId,
    /// Whose pages.
    pub(crate) owner: DomId,
    pub(crate) kind: Kind,
}

impl Mapping {
    fn gfns(&self) -> &[u64] {
        match &self.kind {
            Kind::Foreign(gfns) | Kind::Grant { gfns, .. } => gfns,
            Kind::Resource => &[],
        }
    }
}

/// Why a mapping failed. Linux tells frame by frame for foreign memory, and one error for all with grants and resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// These frames: index and error.
    Frames(Vec<(usize, Errno)>),
    /// The mapping as a whole.
    Whole(Errno),
}

impl Xen {
    /// The pages at these gfns, or which of them fail.
    pub(crate) fn foreign_pages(&mut self, owner: DomId, gfns: &[u64]) -> Result<Vec<Page>, Denied> {
        let missing = if self.domains.contains_key(&owner) { Errno::EINVAL } else { Errno::ESRCH };
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (index, gfn) in gfns.iter().enumerate() {
            match self.guest_page(owner, *gfn) {
                Some(page) => good.push(page),
                None => bad.push((index, missing)),
            }
        }
        if bad.is_empty() { Ok(good) } else { Err(Denied::Frames(bad)) }
    }

    /// The pages that these grants name for `mapper`, and their gfns; EINVAL where one of them is not granted.
    pub(crate) fn granted_pages(
        &mut self,
        mapper: DomId,
        owner: DomId,
        grants: &[GrantRef],
        write: bool,
    ) -> Result<(Vec<Page>, Vec<u64>), Denied> {
        let refused = Denied::Whole(Errno::EINVAL);
        let domain = self.living_mut(owner).map_err(|_| refused.clone())?;
        let mut granted = |grant: &GrantRef| {
            let gfn = domain.grants.permits(*grant, mapper, write)?;
            Some((domain.p2m.page(gfn)?, gfn))
        };
        let both: Vec<(Page, u64)> = grants.iter().map(&mut granted).collect::<Option<_>>().ok_or(refused)?;
        for grant in grants {
            if let Ok(domain) = self.domain_mut(owner) {
                domain.grants.pin(*grant, write);
            }
        }
        Ok(both.into_iter().unzip())
    }

    /// Notes a mapping and gives it a number.
    pub(crate) fn note_mapping(&mut self, mapping: Mapping) -> u64 {
        let id = self.next_mapping;
        self.next_mapping += 1;
        self.mappings.insert(id, mapping);
        id
    }

    /// Forgets a mapping; a dead domain may go with its last one.
    pub(crate) fn unmap(&mut self, id: u64) {
        let Some(mapping) = self.mappings.remove(&id) else { return };
        if let (Kind::Grant { grants, write, .. }, Ok(domain)) = (&mapping.kind, self.domain_mut(mapping.owner)) {
            for grant in grants {
                domain.grants.unpin(*grant, *write);
            }
        }
        self.bury(mapping.owner);
    }

    /// Unmaps everything that processes of a domain had mapped.
    pub(crate) fn unmap_all_of_processes_in(&mut self, domid: DomId) {
        let theirs: Vec<u64> = self
            .mappings
            .iter()
            .filter(|(_, mapping)| self.processes.get(&mapping.process).is_some_and(|process| process.domid == domid))
            .map(|(id, _)| *id)
            .collect();
        for id in theirs {
            self.unmap(id);
        }
    }

    /// How many pages of the domain's own are mapped by anybody.
    pub(crate) fn pages_mapped_of(&self, owner: DomId) -> u64 {
        let gfns: BTreeSet<u64> =
            self.mappings.values().filter(|mapping| mapping.owner == owner).flat_map(|mapping| mapping.gfns().iter().copied()).collect();
        gfns.len() as u64
    }

    /// Whether anybody maps this page.
    pub(crate) fn is_mapped(&self, owner: DomId, gfn: u64) -> bool {
        self.mappings.values().any(|mapping| mapping.owner == owner && mapping.gfns().contains(&gfn))
    }

    /// Whether anybody maps anything of the domain, Xen's own frames for it included.
    pub(crate) fn has_mappings_of(&self, owner: DomId) -> bool {
        self.mappings.values().any(|mapping| mapping.owner == owner)
    }
}
