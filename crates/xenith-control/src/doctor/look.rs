//! Looking: Xen's domains, the store's directories, the control domain's ports, the journal.

use xen_abi::hypercall::evtchn::{GetPortStatus, PortStatus};
use xen_abi::{DomId, Port};
use xen_store::client::Request;
use xen_store::path::{self, DeviceKind, StorePath};
use xenith_api::latest::Problem;
use xenith_engine::Engine;
use xenith_engine::fault::Fault;
use xenith_engine::journal::Operation;
use xenith_engine::store::{StoreClient, Stores};

use super::Facts;

/// Ports that are asked for in one trap.
const PORTS_AT_ONCE: u32 = 64;
/// The highest port that is asked for.
const PORTS_MAX: u32 = 4096;

/// What others and we left, as far as it can be seen. The store is read before Xen: nodes of a domain that came in between are not taken for
/// leftovers.
pub(crate) fn look(engine: &Engine, stores: &Stores) -> Result<Facts, Problem> {
    let mut facts = host(engine, stores).map_err(|fault| fault.problem("doctor", None))?;
    let left = engine.journal.unfinished();
    let (unfinished, unreadable) = left.map_err(|error| crate::problem::internal("journal", format!("journal: {error}")))?;
    facts.unfinished = unfinished.iter().map(|one| subject(&one.operation)).collect();
    facts.unreadable = unreadable.iter().map(|path| path.display().to_string()).collect();
    Ok(facts)
}

fn host(engine: &Engine, stores: &Stores) -> Result<Facts, Fault> {
    let mut facts = Facts::default();
    stores.with(|store| {
        facts = Facts::default();
        directories(store, &mut facts).map(drop)
    })?;
    let ports = ports(engine)?;
    facts.domains = engine.list()?;
    let alive: Vec<DomId> = facts.domains.iter().map(xenith_engine::engine::Seen::domid).collect();
    stores.with(|store| of_the_living(store, &alive, &mut facts))?;
    facts.ports = ports;
    Ok(facts)
}

fn subject(operation: &Operation) -> String {
    match operation {
        Operation::Create(entry) => format!("create {}", entry.config.name),
        Operation::Destroy(entry) => format!("destroy {}", entry.name),
        Operation::Dump(entry) => format!("core dump of {}", entry.name),
        Operation::Rename(entry) => format!("rename {}", entry.from.name),
        Operation::Resize(entry) => format!("resize {}", entry.name),
        Operation::Restart(entry) => format!("restart {}", entry.config.name),
        Operation::SoftReset(entry) => format!("soft reset of {}", entry.config.name),
    }
}

type Asked<T> = Result<T, xen_store::client::ClientError>;

/// Which numbers and uuids have directories.
fn directories(store: &mut StoreClient, facts: &mut Facts) -> Asked<()> {
    let roots = [path::domains(), path::LibxlPaths::all(), path::VmPaths::all()];
    let requests: Vec<Request> = roots.iter().map(Request::directory).collect();
    let mut lists = store.pipeline(&requests)?.into_iter().map(Result::unwrap_or_default);
    let homes = numbers(&lists.next().unwrap_or_default());
    facts.libxl = numbers(&lists.next().unwrap_or_default());
    facts.vms = names(&lists.next().unwrap_or_default());
    let requests: Vec<Request> = homes.iter().map(|domid| Request::read(&path::domain(*domid).name())).collect();
    let named = if requests.is_empty() { Vec::new() } else { store.pipeline(&requests)? };
    facts.homes = homes.into_iter().zip(named).map(|(domid, name)| (domid, name.is_ok())).collect();
    Ok(())
}

/// What living domains call theirs, and for whom they serve.
fn of_the_living(store: &mut StoreClient, alive: &[DomId], facts: &mut Facts) -> Asked<()> {
    let vms: Vec<Request> = alive.iter().map(|domid| Request::read(&path::domain(*domid).vm())).collect();
    let serving: Vec<(DomId, DeviceKind)> = alive.iter().flat_map(|domid| DeviceKind::ALL.iter().map(|kind| (*domid, *kind))).collect();
    let lists: Vec<Request> = serving.iter().map(|(domid, kind)| Request::directory(&path::backend_root(*domid, *kind))).collect();
    let named = store.pipeline(&vms)?.into_iter().filter_map(Result::ok);
    facts.named_vms = named.filter_map(|vm| Some(StorePath::parse(std::str::from_utf8(&vm).ok()?).ok()?.name().to_owned())).collect();
    facts.backends.clear();
    for ((domid, kind), guests) in serving.iter().zip(store.pipeline(&lists)?) {
        for guest in numbers(&guests.unwrap_or_default()) {
            facts.backends.push((guest, path::backend_root(*domid, *kind).child(guest.0)));
        }
    }
    Ok(())
}

fn names(list: &[u8]) -> Vec<String> {
    list.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

fn numbers(list: &[u8]) -> Vec<DomId> {
    names(list).iter().filter_map(|name| name.parse().ok().map(DomId)).collect()
}

/// Ports are given lowest first: the first run of free ones ends the search.
fn ports(engine: &Engine) -> Result<Vec<(u32, DomId)>, Fault> {
    let mut found = Vec::new();
    for first in (1..PORTS_MAX).step_by(PORTS_AT_ONCE as usize) {
        let mut batch = engine.world.xen.batch();
        let all: Vec<u32> = (first..first + PORTS_AT_ONCE).collect();
        let ask = |port: &u32| batch.add(Some(DomId::DOM0), GetPortStatus { domid: DomId::DOM0, port: Port(*port) });
        let tickets: Vec<_> = all.iter().map(ask).collect();
        let mut replies = batch.run()?;
        let mut used = false;
        for (port, ticket) in all.into_iter().zip(tickets) {
            // A port beyond those that there are is refused.
            let Ok(status) = replies.take(ticket) else { continue };
            used |= status != PortStatus::Closed;
            if let PortStatus::Unbound(peer) | PortStatus::Interdomain(peer, _) = status {
                found.push((port, peer));
            }
        }
        if !used {
            break;
        }
    }
    Ok(found)
}
