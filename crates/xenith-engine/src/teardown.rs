//! What goes from the store with a domain.
//!
//! Frontends and backends are taken from `/libxl`, where only the tools write: a guest that names another domain's backend in its own
//! directory removes nothing of that domain's (libxl does the same since 811b188add of June 2016).

use uuid::Uuid;
use xen_abi::DomId;
use xen_store::client::{ClientError, Request, Tx};
use xen_store::path::{self, DeviceKind, StorePath};

use crate::nodes;
use crate::store::StoreClient;

/// The most devices of one kind that are looked up at once; a domain with more is torn down all the same, since the directories go.
const DEVICES_MAX: usize = 4096;

/// Removes the nodes of the domain that had this number, unless the number is another domain's by now: of that one nothing is touched.
pub fn remove(store: &mut StoreClient, domid: DomId, uuid: Uuid) -> Result<(), ClientError> {
    store.transaction(|tx| {
        let mut doomed = vec![path::vm(uuid).root().clone()];
        let found = look(tx, domid)?;
        if found.is_of(uuid) {
            let [home, _, libxl] = nodes::roots(domid, uuid);
            doomed.extend(backends(tx, domid, &found.devices)?);
            doomed.extend([home, libxl, nodes::console_backend_root(domid)]);
        }
        // What is not there needs no removing.
        let requests: Vec<Request> = doomed.iter().map(Request::rm).collect();
        tx.pipeline(&requests).map(drop)
    })
}

type StoreTx<'a> = Tx<'a, Box<dyn xen_store::client::Transport + Send>>;

/// What stands under a number, asked in one go.
struct Standing {
    /// Where the domain's directory says that its other one is.
    owner: Option<Vec<u8>>,
    /// Every device that the tools recorded.
    devices: Vec<(DeviceKind, u32)>,
}

impl Standing {
    /// Whether the directory of this number is the domain's, or nobody's.
    fn is_of(&self, uuid: Uuid) -> bool {
        self.owner.as_ref().is_none_or(|owner| owner == path::vm(uuid).root().as_str().as_bytes())
    }
}

fn look(tx: &mut StoreTx<'_>, domid: DomId) -> Result<Standing, ClientError> {
    let libxl = path::libxl(domid);
    let mut requests = vec![Request::read(&path::domain(domid).vm())];
    requests.extend(DeviceKind::ALL.iter().map(|kind| Request::directory(&libxl.device_kind(*kind))));
    let mut replies = tx.pipeline(&requests)?.into_iter();
    let owner = replies.next().and_then(Result::ok);
    let lists = DeviceKind::ALL.iter().zip(replies);
    let devices = lists.flat_map(|(kind, list)| numbers(&list.unwrap_or_default()).map(|devid| (*kind, devid)).collect::<Vec<_>>());
    Ok(Standing { owner, devices: devices.collect() })
}

/// The directories of those devices' backends.
fn backends(tx: &mut StoreTx<'_>, domid: DomId, devices: &[(DeviceKind, u32)]) -> Result<Vec<StorePath>, ClientError> {
    let libxl = path::libxl(domid);
    let records: Vec<Request> = devices.iter().map(|(kind, devid)| Request::read(&libxl.device_of(*kind, *devid).backend())).collect();
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let named = tx.pipeline(&records)?.into_iter().filter_map(Result::ok);
    let paths = named.filter_map(|path| StorePath::parse(std::str::from_utf8(&path).ok()?).ok());
    Ok(paths.filter(|path| is_backend_of(path, domid)).collect())
}

fn numbers(list: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let names = list.split(|byte| *byte == 0);
    names.filter_map(|name| std::str::from_utf8(name).ok()?.parse().ok()).take(DEVICES_MAX)
}

/// Whether a path is a backend's directory for this guest: `/local/domain/B/backend/KIND/GUEST/DEVICE`. Nothing else is ever removed on the
/// word of a record.
fn is_backend_of(path: &StorePath, guest: DomId) -> bool {
    let parts: Vec<&str> = path.as_str().split('/').collect();
    let [_, _, _, serving, _, kind, domid, device] = parts.as_slice() else { return false };
    let expected = serving.parse().ok().zip(DeviceKind::from_name(kind)).zip(device.parse().ok());
    let same = |((serving, kind), device)| path::backend(DomId(serving), kind, guest, device).root() == path;
    expected.is_some_and(same) && domid.parse() == Ok(guest.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Stores;
    use std::sync::Arc;
    use xen_store::client::{Loopback, Requests};
    use xen_store::server::ConnKind;

    fn stores() -> Stores {
        let server = Loopback::new().server().clone();
        Stores::new(Arc::new(move || Ok(Box::new(Loopback::join(Arc::clone(&server), ConnKind::Socket)))))
    }

    fn exists(stores: &Stores, path: &StorePath) -> bool {
        stores.with(|store| Ok(store.read(path).is_ok())).expect("asks")
    }

    fn write(stores: &Stores, path: &StorePath, value: &str) {
        stores.with(|store| store.write(path, value)).expect("writes");
    }

    const GUEST: DomId = DomId(5);

    #[test]
    fn recorded_backends_go_and_claimed_ones_stay() {
        let stores = stores();
        let uuid = Uuid::from_u128(1);
        let own = path::backend(DomId::DOM0, DeviceKind::Vbd, GUEST, 51712);
        let others = path::backend(DomId::DOM0, DeviceKind::Vbd, DomId(6), 51712);
        write(&stores, &path::domain(GUEST).vm(), path::vm(uuid).root().as_str());
        for backend in [&own, &others] {
            write(&stores, &backend.state(), "4");
        }
        write(&stores, &path::libxl(GUEST).device_of(DeviceKind::Vbd, 51712).backend(), own.root().as_str());
        // A record that somebody spoilt, and a guest's own word: neither is trusted.
        write(&stores, &path::libxl(GUEST).device_of(DeviceKind::Vbd, 51728).backend(), others.root().as_str());
        write(&stores, &path::frontend(GUEST, DeviceKind::Vbd, 51744).backend(), others.root().as_str());
        stores.with(|store| remove(store, GUEST, uuid)).expect("removes");
        assert!(
            !exists(&stores, own.root()) && !exists(&stores, path::domain(GUEST).root()) && !exists(&stores, path::libxl(GUEST).root())
        );
        assert!(exists(&stores, others.root()));
    }

    #[test]
    fn a_number_that_is_anothers_by_now_is_left_alone() {
        let stores = stores();
        let (gone, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
        write(&stores, &path::vm(gone).name(), "gone");
        write(&stores, &path::domain(GUEST).vm(), path::vm(new).root().as_str());
        stores.with(|store| remove(store, GUEST, gone)).expect("removes");
        assert!(exists(&stores, path::domain(GUEST).root()));
        assert!(!exists(&stores, path::vm(gone).root()));
    }

    #[test]
    fn only_backends_of_the_guest_are_backends() {
        let table = [
            ("/local/domain/0/backend/vbd/5/51712", true),
            ("/local/domain/3/backend/vif/5/0", true),
            ("/local/domain/0/backend/vbd/6/51712", false),
            ("/local/domain/0/backend/vbd/5", false),
            ("/local/domain/0/backend/vbd/5/51712/state", false),
            ("/local/domain/0", false),
            ("/tool/a/b/backend/vbd/5/1", false),
        ];
        for (text, expected) in table {
            let path = StorePath::parse(text).expect("a path");
            assert_eq!(is_backend_of(&path, GUEST), expected, "{text}");
        }
    }
}
