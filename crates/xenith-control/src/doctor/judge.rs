//! Facts to findings. Pure.

use std::collections::{BTreeMap, HashSet};

use xen_abi::DomId;
use xen_store::path::{self, StorePath};
use xenith_api::latest::FindingKind;
use xenith_engine::engine::Seen;

use super::{Facts, Found, Remedy};

const KIB_PER_PAGE: u64 = 4;

/// Everything that was left behind, by kind and subject.
pub(crate) fn judge(facts: &Facts) -> Vec<Found> {
    let mut all: Vec<Found> = facts.domains.iter().filter_map(|seen| domain(facts, seen)).collect();
    all.extend(nodes(facts));
    all.extend(vms(facts));
    all.extend(ports(facts));
    all.extend(files(facts));
    all.sort_by(|a, b| (a.told.kind, &a.told.subject).cmp(&(b.told.kind, &b.told.subject)));
    all
}

fn domain(facts: &Facts, seen: &Seen) -> Option<Found> {
    let (domid, info) = (seen.domid(), &seen.info);
    if domid == DomId::DOM0 || facts.in_hand.contains(&seen.uuid()) {
        return None;
    }
    let subject = domid.to_string();
    if info.dying {
        let detail = format!("{domid} was destroyed and does not go: somebody holds pages of it; end or restart who does");
        let mut found = Found::new(FindingKind::DyingDomain, subject, detail, Remedy::None);
        found.told.memory_kib = info.tot_pages * KIB_PER_PAGE;
        return Some(found);
    }
    let (own, named) = (facts.own.contains(&seen.uuid()), facts.homes.contains(&(domid, true)));
    let never_ran = info.cpu_time_ns == 0 && info.shutdown.is_none();
    if !own && !named && never_ran && info.paused {
        let detail = format!("{domid} never ran and nobody named it: its creator died over it");
        let mut found = Found::new(FindingKind::HalfMadeDomain, subject, detail, Remedy::Destroy(domid));
        found.told.memory_kib = info.tot_pages * KIB_PER_PAGE;
        return Some(found);
    }
    // One that never ran may be under construction by another toolstack.
    if info.outstanding_pages > 0 && (own || !never_ran) {
        let detail = format!("{domid} is built, and {} KiB more are promised to it", info.outstanding_pages * KIB_PER_PAGE);
        let mut found = Found::new(FindingKind::LeftoverClaim, subject, detail, Remedy::Unclaim(domid));
        found.told.memory_kib = info.outstanding_pages * KIB_PER_PAGE;
        return Some(found);
    }
    None
}

/// A dying one is there: its nodes tell whose it was.
fn is_there(facts: &Facts, domid: DomId) -> bool {
    facts.domains.iter().any(|seen| seen.domid() == domid)
}

fn nodes(facts: &Facts) -> Vec<Found> {
    let mut gone: BTreeMap<DomId, Vec<StorePath>> = BTreeMap::new();
    let mut add = |domid: DomId, path: StorePath| {
        if !is_there(facts, domid) {
            gone.entry(domid).or_default().push(path);
        }
    };
    facts.homes.iter().for_each(|(domid, _)| add(*domid, path::domain(*domid).root().clone()));
    facts.libxl.iter().for_each(|domid| add(*domid, path::libxl(*domid).root().clone()));
    facts.backends.iter().for_each(|(domid, path)| add(*domid, path.clone()));
    let found = |(domid, paths): (DomId, Vec<StorePath>)| {
        let list: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let detail = format!("{domid} is not there, and its nodes are: {}", list.join(", "));
        Found::new(FindingKind::LeftoverNodes, domid.to_string(), detail, Remedy::Remove(Some(domid), paths))
    };
    gone.into_iter().map(found).collect()
}

fn vms(facts: &Facts) -> Vec<Found> {
    let mut known: HashSet<String> = facts.domains.iter().map(|seen| seen.uuid().to_string()).collect();
    known.extend(facts.in_hand.iter().map(ToString::to_string));
    let is_known = |name: &String| known.contains(name) || facts.named_vms.contains(name) || uuid::Uuid::try_parse(name).is_err();
    let found = |name: &String| {
        let path = path::vm(name).root().clone();
        let detail = format!("{path}: no domain has this uuid");
        Found::new(FindingKind::LeftoverNodes, path.to_string(), detail, Remedy::Remove(None, vec![path]))
    };
    facts.vms.iter().filter(|name| !is_known(name)).map(found).collect()
}

fn ports(facts: &Facts) -> Vec<Found> {
    let gone = facts.ports.iter().filter(|(_, peer)| !is_there(facts, *peer));
    let found = |(port, peer): &(u32, DomId)| {
        let detail = format!("port {port} of {} waits for {peer}, which is not there: end or restart who bound it", DomId::DOM0);
        Found::new(FindingKind::LeftoverEventChannel, format!("port {port}"), detail, Remedy::None)
    };
    gone.map(found).collect()
}

fn files(facts: &Facts) -> Vec<Found> {
    let unfinished = facts.unfinished.iter().map(|subject| {
        let detail = format!("{subject}: an operation is not over, and nobody works on it");
        Found::new(FindingKind::UnfinishedOperation, subject.clone(), detail, Remedy::Recover)
    });
    let unreadable = facts.unreadable.iter().map(|path| {
        let detail = format!("{path}: it cannot be read as an operation; see what it says and remove it");
        Found::new(FindingKind::UnreadableFile, path.clone(), detail, Remedy::None)
    });
    unfinished.chain(unreadable).collect()
}
