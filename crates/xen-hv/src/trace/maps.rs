//! Mappings in a trace.

use std::sync::Arc;

use xen_abi::{DomId, Gfn, GrantRef, Port};

use super::{Trace, outcome};
use crate::seam::{Access, Dom0StoreRing, ForeignMemory, GrantMaps, MapError, Resource, SeamError, SharedPages};

/// A way to map that is recorded.
pub(super) struct Recorded<T: ?Sized> {
    pub(super) inner: Arc<T>,
    pub(super) trace: Trace,
}

impl<T: ?Sized> Recorded<T> {
    fn mapped(&self, kind: &'static str, what: impl FnOnce() -> String, frames: usize, result: &Result<Box<dyn SharedPages>, MapError>) {
        self.trace.count(|counts| counts.mapping(kind, frames));
        self.trace.write(|| format!("{kind} {} = {}", what(), told(result)));
    }
}

impl ForeignMemory for Recorded<dyn ForeignMemory> {
    fn map(&self, domid: DomId, frames: &[Gfn], access: Access) -> Result<Box<dyn SharedPages>, MapError> {
        let result = self.inner.map(domid, frames, access);
        let what = || format!("{domid} {} gfn {}", mode(access), runs(frames.iter().map(|frame| frame.0)));
        self.mapped("foreign map", what, frames.len(), &result);
        result
    }

    fn map_resource(&self, domid: DomId, resource: Resource, first: u64, count: usize) -> Result<Box<dyn SharedPages>, MapError> {
        let result = self.inner.map_resource(domid, resource, first, count);
        self.mapped("resource map", || format!("{domid} {resource:?} {first}+{count}"), count, &result);
        result
    }
}

impl GrantMaps for Recorded<dyn GrantMaps> {
    fn map(&self, domid: DomId, grants: &[GrantRef], access: Access) -> Result<Box<dyn SharedPages>, MapError> {
        let result = self.inner.map(domid, grants, access);
        let what = || format!("{domid} {} grant {}", mode(access), runs(grants.iter().map(|grant| grant.0.into())));
        self.mapped("grant map", what, grants.len(), &result);
        result
    }
}

impl Dom0StoreRing for Recorded<dyn Dom0StoreRing> {
    fn open(&self) -> Result<(Box<dyn SharedPages>, Port), SeamError> {
        let result = self.inner.open();
        self.trace.count(|counts| counts.mapping("dom0 store ring", 1));
        self.trace.write(|| format!("dom0 store ring = {}", outcome(&result, |(_, port)| port.to_string())));
        result
    }
}

fn mode(access: Access) -> &'static str {
    match access {
        Access::Read => "r",
        Access::ReadWrite => "rw",
    }
}

/// The result, with every frame that failed.
fn told(result: &Result<Box<dyn SharedPages>, MapError>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(MapError::Frames { failed, .. }) => {
            failed.iter().map(|(index, errno)| format!("frame {index} {errno}")).collect::<Vec<_>>().join(", ")
        }
        Err(error) => error.to_string(),
    }
}

/// Numbers in the order given, those that follow each other as `first+count`.
fn runs(numbers: impl Iterator<Item = u64>) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((first, count)) if first.checked_add(*count) == Some(number) => *count += 1,
            _ => runs.push((number, 1)),
        }
    }
    runs.iter().map(|(first, count)| format!("{first:#x}+{count}")).collect::<Vec<_>>().join(" ")
}
