//! What goes with a domain.

use xen_abi::DomId;

use super::{Effect, Server};
use crate::path::{self, RELEASE_DOMAIN, StorePath};
use crate::perms::Perms;
use crate::tree::{Node, Tree};
use crate::watch::Change;

impl Server {
    /// Removes a domain: its watches, its nodes, its ring. dom0 never goes.
    pub(super) fn forget_domain(&mut self, domid: DomId) {
        if domid == DomId::DOM0 {
            return;
        }
        let ring = self.domains.get(domid).and_then(|domain| domain.ring);
        if let Some(conn) = ring {
            self.disconnect(conn);
        }
        self.remove_nodes_of(domid);
        self.domains.forget(domid);
        self.watchdog.forget(domid, ring);
        // Whoever comes next by this number is younger than every list that stands.
        self.generation += 1;
        if let Some(conn) = ring {
            self.effects.push_back(Effect::Release { conn, domid });
            self.announce(RELEASE_DOMAIN);
            self.announce_whom(RELEASE_DOMAIN, domid);
        }
    }

    /// Removes everything that a domain owns, so that the next one with its number owns nothing.
    fn remove_nodes_of(&mut self, domid: DomId) {
        for special in [path::INTRODUCE_DOMAIN, path::RELEASE_DOMAIN] {
            let Ok(path) = StorePath::parse(special) else { continue };
            if self.tree.node(&path).is_some_and(|node| node.perms().owner() == domid) {
                self.generation += 1;
                let perms = if special == RELEASE_DOMAIN { Perms::dom0_for_all() } else { Perms::dom0_only() };
                self.tree.set_perms(&path, perms);
                self.keep_written(&path);
            }
        }
        let home = path::domain(domid).root().clone();
        for top in [home, StorePath::root()] {
            if self.tree.accounts().get(domid).nodes == 0 {
                return;
            }
            self.remove_owned_below(&top, domid);
        }
    }

    fn remove_owned_below(&mut self, top: &StorePath, domid: DomId) {
        for path in owned_below(&self.tree, top, domid) {
            let parent = self.tree.find(&path).above.perms().clone();
            self.generation += 1;
            if let Some(removed) = self.tree.remove(&path, self.generation) {
                self.deliver(&[Change::removed(path, removed, parent)]);
            }
        }
        let owns_root = self.tree.root().perms().owner() == domid;
        if top.is_root() && owns_root {
            self.generation += 1;
            self.tree.set_perms(top, Perms::dom0_only());
            self.keep_written(top);
        }
    }
}

/// The topmost nodes that a domain owns, `top` and below, the root left out.
fn owned_below(tree: &Tree, top: &StorePath, domid: DomId) -> Vec<StorePath> {
    let mut owned = Vec::new();
    let mut pending: Vec<(&Node, StorePath)> = tree.node(top).map(|node| (&**node, top.clone())).into_iter().collect();
    while let Some((node, path)) = pending.pop() {
        if node.perms().owner() == domid && !path.is_root() {
            owned.push(path);
            continue;
        }
        let below = node.children().rev().map(|child| (&**child, path.child(child.name())));
        pending.extend(below);
    }
    owned
}
