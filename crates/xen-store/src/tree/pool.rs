//! Lists of permissions that nodes share: equal ones stand once, whoever set them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::perms::Perms;

/// Fewer lists than this are never swept.
const FEW: usize = 64;

/// Belongs to a tree and all its snapshots. Lists that nobody uses any more are swept out whenever their number has doubled.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Arc<Mutex<Lists>>);

#[derive(Debug, Default)]
struct Lists {
    lists: HashSet<Arc<Perms>>,
    sweep_at: usize,
}

impl Pool {
    /// The list that stands for all that are equal to this one.
    pub fn share(&self, perms: Arc<Perms>) -> Arc<Perms> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = pool.lists.get(&perms) {
            return Arc::clone(same);
        }
        if pool.lists.len() >= pool.sweep_at.max(FEW) {
            pool.lists.retain(|list| Arc::strong_count(list) > 1);
            pool.sweep_at = 2 * pool.lists.len();
        }
        pool.lists.insert(Arc::clone(&perms));
        perms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perms::{Perm, Rights};
    use xen_abi::DomId;

    fn list(number: u16) -> Arc<Perms> {
        let entries = [Perm::new(DomId(number), Rights::NONE)];
        Perms::new(&entries, 1).map_or_else(Perms::dom0_only, Arc::new)
    }

    #[test]
    fn equal_lists_are_one_and_unused_ones_go() {
        let pool = Pool::default();
        let used: Vec<_> = (0..100).map(|number| pool.share(list(number))).collect();
        assert!(used.iter().zip(0..).all(|(used, number)| Arc::ptr_eq(used, &pool.share(list(number)))));
        for number in 100..10_000 {
            pool.share(list(number));
        }
        let kept = pool.0.lock().map_or(0, |pool| pool.lists.len());
        assert!(kept <= 201, "{kept} lists are kept, 100 are used");
    }
}
