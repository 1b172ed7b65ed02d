//! Who is who: the domains of ours, the names that others have, and the names and domains that an operation has in hand.
//!
//! ```text
//!   reserve(name, uuid) --> settle(record) --> forget(uuid)        a name is taken from the first to the last
//!            \--> release(uuid)                                    where the create fails
//!   reserve_name(name, uuid) --> release(uuid)                     around a rename
//!   hold(uuid)                                                     one operation at a time on a domain; others wait
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use xenith_api::latest::{Code, Problem};
use xenith_engine::record::DomainRecord;

/// A domain that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) domid: u16,
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
}

#[derive(Debug, Default)]
struct Inner {
    own: HashMap<Uuid, Arc<DomainRecord>>,
    foreign: Vec<Foreign>,
    reserved: HashMap<Uuid, String>,
    held: HashSet<Uuid>,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
    let_go: Condvar,
}

impl Registry {
    pub(crate) fn new(records: Vec<DomainRecord>) -> Registry {
        let own = records.into_iter().map(|record| (record.uuid, Arc::new(record))).collect();
        Registry { inner: Mutex::new(Inner { own, ..Inner::default() }), let_go: Condvar::new() }
    }

    /// A thread that panicked held the lock for one map operation, which is whole or did not happen.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes name and uuid for a create.
    pub(crate) fn reserve(&self, name: &str, uuid: Uuid) -> Result<(), Problem> {
        let mut inner = self.lock();
        inner.free(name, Some(uuid))?;
        inner.reserved.insert(uuid, name.to_owned());
        Ok(())
    }

    /// Takes another name for a domain that is there, until [`Registry::release`].
    pub(crate) fn reserve_name(&self, name: &str, uuid: Uuid) -> Result<(), Problem> {
        let mut inner = self.lock();
        inner.free(name, None)?;
        inner.reserved.insert(uuid, name.to_owned());
        Ok(())
    }

    /// Whether a create could take them now.
    pub(crate) fn is_free(&self, name: &str, uuid: Uuid) -> Result<(), Problem> {
        self.lock().free(name, Some(uuid))
    }

    /// A create failed, or a rename is over.
    pub(crate) fn release(&self, uuid: Uuid) {
        self.lock().reserved.remove(&uuid);
    }

    /// A create succeeded.
    pub(crate) fn settle(&self, record: DomainRecord) {
        let mut inner = self.lock();
        inner.reserved.remove(&record.uuid);
        inner.own.insert(record.uuid, Arc::new(record));
    }

    /// A domain is gone.
    pub(crate) fn forget(&self, uuid: Uuid) {
        self.lock().own.remove(&uuid);
    }

    pub(crate) fn own(&self, uuid: Uuid) -> Option<Arc<DomainRecord>> {
        self.lock().own.get(&uuid).cloned()
    }

    pub(crate) fn all_own(&self) -> Vec<Arc<DomainRecord>> {
        self.lock().own.values().cloned().collect()
    }

    /// Whether we made this domain, or are making it.
    pub(crate) fn is_ours(&self, uuid: Uuid) -> bool {
        let inner = self.lock();
        inner.own.contains_key(&uuid) || inner.reserved.contains_key(&uuid)
    }

    /// The domain of ours with this name.
    pub(crate) fn own_named(&self, name: &str) -> Option<Uuid> {
        self.lock().own.values().find(|record| record.config.name == name).map(|record| record.uuid)
    }

    /// The name of a domain, where somebody gave it one.
    pub(crate) fn name(&self, uuid: Uuid, domid: u16) -> Option<String> {
        let inner = self.lock();
        let own = inner.own.get(&uuid).map(|record| record.config.name.clone()).or_else(|| inner.reserved.get(&uuid).cloned());
        own.or_else(|| Some(inner.foreign.iter().find(|one| one.domid == domid && one.uuid == uuid)?.name.clone()))
    }

    /// What others have now.
    pub(crate) fn set_foreign(&self, foreign: Vec<Foreign>) {
        self.lock().foreign = foreign;
    }

    /// The domains that an operation is making, or has in hand.
    pub(crate) fn in_hand(&self) -> Vec<Uuid> {
        let inner = self.lock();
        inner.reserved.keys().chain(&inner.held).copied().collect()
    }

    /// Waits until no other operation has this domain in hand, and takes it.
    pub(crate) fn hold(&self, uuid: Uuid) -> Held<'_> {
        let mut inner = self.lock();
        while !inner.held.insert(uuid) {
            inner = self.let_go.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        Held { registry: self, uuid }
    }
}

impl Inner {
    /// Whether nobody has the name, nor the uuid where one is wanted.
    fn free(&self, name: &str, uuid: Option<Uuid>) -> Result<(), Problem> {
        let own = self.own.values().map(|record| (record.config.name.as_str(), record.uuid, Some(record.domid)));
        let foreign = self.foreign.iter().map(|one| (one.name.as_str(), one.uuid, Some(one.domid)));
        let reserved = self.reserved.iter().map(|(uuid, name)| (name.as_str(), *uuid, None));
        let Some((taken, _, domid)) = own.chain(foreign).chain(reserved).find(|(n, u, _)| *n == name || Some(*u) == uuid) else {
            return Ok(());
        };
        let who = domid.map_or("a domain that is being created".to_owned(), |domid| format!("d{domid}"));
        let title = match taken == name {
            true => format!("domain {name}: the name is in use by {who}"),
            false => format!("domain {name}: the uuid {} is in use by {who}, {taken}", uuid.unwrap_or_default()),
        };
        Err(Problem::new(Code::NameInUse, format!("domain {name}"), title, "choose another, or destroy the other domain first"))
    }
}

/// One operation's hold on a domain.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    registry: &'a Registry,
    uuid: Uuid,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.registry.lock().held.remove(&self.uuid);
        self.registry.let_go.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, uuid: u128) -> DomainRecord {
        let config = format!(r#"{{"name":"{name}","memory":"64MiB","boot":{{"kernel":"/k"}}}}"#);
        let config = serde_json::from_str(&config).expect("a config");
        DomainRecord { uuid: Uuid::from_u128(uuid), domid: 5, created_ms: 0, quick_restarts: 0, held: false, config }
    }

    fn in_use(result: Result<(), Problem>) -> bool {
        result.is_err_and(|problem| problem.code == Code::NameInUse)
    }

    #[test]
    fn a_name_is_taken_from_reservation_to_the_end() {
        let registry = Registry::default();
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        registry.reserve("web", a).expect("free");
        assert!(in_use(registry.reserve("web", b)));
        assert!(in_use(registry.reserve("db", a)));
        registry.release(a);
        registry.reserve("web", b).expect("free again");
        registry.settle(record("web", 2));
        assert!(in_use(registry.is_free("web", a)));
        assert!(in_use(registry.is_free("db", b)));
        registry.forget(b);
        registry.is_free("web", a).expect("free at the end");
    }

    #[test]
    fn a_name_alone_meets_no_uuid() {
        let registry = Registry::default();
        registry.set_foreign(vec![Foreign { domid: 0, uuid: Uuid::nil(), name: "Domain-0".to_owned() }]);
        registry.settle(record("web", 1));
        registry.reserve_name("www", Uuid::from_u128(1)).expect("free");
        assert!(in_use(registry.is_free("www", Uuid::from_u128(2))));
        registry.release(Uuid::from_u128(1));
        assert!(in_use(registry.reserve_name("Domain-0", Uuid::from_u128(1))));
    }

    #[test]
    fn names_of_others_count() {
        let registry = Registry::default();
        registry.set_foreign(vec![Foreign { domid: 7, uuid: Uuid::from_u128(9), name: "theirs".to_owned() }]);
        assert!(in_use(registry.reserve("theirs", Uuid::from_u128(1))));
        assert_eq!(registry.name(Uuid::from_u128(9), 7).as_deref(), Some("theirs"));
        registry.set_foreign(Vec::new());
        registry.reserve("theirs", Uuid::from_u128(1)).expect("free");
    }

    #[test]
    fn one_operation_at_a_time_holds_a_domain() {
        let registry = Registry::default();
        let uuid = Uuid::from_u128(1);
        let held = registry.hold(uuid);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| drop(registry.hold(uuid)));
            drop(registry.hold(Uuid::from_u128(2)));
            drop(held);
            waiter.join().expect("gets its turn");
        });
    }
}
