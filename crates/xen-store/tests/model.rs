//! The tree against a naive model: a map of full paths. After every step values, children, owners and counts must agree.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::Store;
use proptest::prelude::*;
use xen_abi::DomId;
use xen_store::path::StorePath;
use xen_store::perms::{Identity, Perm, Perms, Rights};
use xen_store::server::DomainState;
use xen_store::tree::Tree;
use xen_store::wire::MsgType;

#[derive(Clone, Debug)]
enum Step {
    Write(String, u8),
    Create(String, u8),
    Remove(String),
    Own(String, u16),
    Snapshot,
}

#[derive(Clone, Debug, PartialEq)]
struct ModelNode {
    value: Vec<u8>,
    owner: u16,
    /// Children by age.
    children: Vec<String>,
}

#[derive(Clone, Debug)]
struct Model(BTreeMap<String, ModelNode>);

impl Model {
    fn new() -> Model {
        Model(BTreeMap::from([("/".to_owned(), ModelNode { value: vec![], owner: 0, children: vec![] })]))
    }

    fn parent(path: &str) -> String {
        match path.rfind('/') {
            Some(0) | None => "/".to_owned(),
            Some(at) => path[..at].to_owned(),
        }
    }

    fn create(&mut self, path: &str, value: &[u8]) {
        if self.0.contains_key(path) {
            return;
        }
        let parent = Model::parent(path);
        self.create(&parent, b"");
        let above = self.0.get_mut(&parent).unwrap();
        above.children.push(path.rsplit('/').next().unwrap().to_owned());
        let owner = above.owner;
        self.0.insert(path.to_owned(), ModelNode { value: value.to_vec(), owner, children: vec![] });
    }

    fn remove(&mut self, path: &str) {
        if path == "/" || !self.0.contains_key(path) {
            return;
        }
        let name = path.rsplit('/').next().unwrap();
        self.0.get_mut(&Model::parent(path)).unwrap().children.retain(|child| child != name);
        let below = format!("{path}/");
        self.0.retain(|other, _| other != path && !other.starts_with(&below));
    }

    /// Nodes and bytes of an owner, the two `@` nodes of dom0 included.
    fn counts(&self, owner: u16) -> (u32, u64) {
        let size = |path: &String, node: &ModelNode| {
            let names: usize = node.children.iter().map(|name| name.len() + 1).sum();
            (16 + 8 + node.value.len() + names + path.len()) as u64
        };
        let owned = self.0.iter().filter(|(_, node)| node.owner == owner);
        let (nodes, bytes) = owned.fold((0, 0), |(nodes, bytes), (path, node)| (nodes + 1, bytes + size(path, node)));
        let specials = 24 + 32 + "@introduceDomain".len() + "@releaseDomain".len();
        if owner == 0 { (nodes + 2, bytes + specials as u64) } else { (nodes, bytes) }
    }
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "long-name"]), 1..5).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (path(), any::<u8>()).prop_map(|(path, value)| Step::Write(path, value)),
        (path(), any::<u8>()).prop_map(|(path, value)| Step::Create(path, value)),
        path().prop_map(Step::Remove),
        (path(), 0u16..4).prop_map(|(path, owner)| Step::Own(path, owner)),
        Just(Step::Snapshot),
    ]
}

fn same(tree: &Tree, model: &Model) -> Result<(), TestCaseError> {
    for (path, expected) in &model.0 {
        let node = tree.node(&StorePath::parse(path).unwrap());
        let node = node.ok_or_else(|| TestCaseError::fail(format!("{path} is missing")))?;
        prop_assert_eq!(node.value(), &expected.value[..]);
        prop_assert_eq!(node.perms().owner().0, expected.owner);
        let children: Vec<String> = node.children().map(|child| child.name().to_owned()).collect();
        prop_assert_eq!(&children, &expected.children);
    }
    prop_assert_eq!(tree.all().count(), model.0.len() + 2);
    for owner in 0..4 {
        let account = tree.accounts().get(DomId(owner));
        prop_assert_eq!((account.nodes, account.memory), model.counts(owner), "counts of {}", owner);
    }
    Ok(())
}

fn apply(tree: &mut Tree, model: &mut Model, step: &Step, generation: u64) {
    let at = |text: &String| StorePath::parse(text).unwrap();
    match step {
        Step::Write(path, value) => {
            tree.set_value(&at(path), &vec![b'x'; usize::from(*value)]);
            if let Some(node) = model.0.get_mut(path) {
                node.value = vec![b'x'; usize::from(*value)];
            }
        }
        Step::Create(path, value) => {
            tree.create(&at(path), &[*value], &Identity::TOOLS, generation);
            model.create(path, &[*value]);
        }
        Step::Remove(path) => {
            tree.remove(&at(path), generation);
            model.remove(path);
        }
        Step::Own(path, owner) => {
            let perms = Perms::new(&[Perm::new(DomId(*owner), Rights::NONE)], generation).unwrap();
            tree.set_perms(&at(path), Arc::new(perms));
            if let Some(node) = model.0.get_mut(path) {
                node.owner = *owner;
            }
        }
        Step::Snapshot => {}
    }
}

proptest! {
    #[test]
    fn the_tree_is_the_model_and_snapshots_stay(steps in prop::collection::vec(step(), 1..60)) {
        let (mut tree, mut model) = (Tree::new(), Model::new());
        let mut snapshots = Vec::new();
        for (generation, step) in (1..).zip(&steps) {
            if let Step::Snapshot = step {
                snapshots.push((tree.clone(), model.clone()));
            }
            apply(&mut tree, &mut model, step, generation);
            same(&tree, &model)?;
        }
        for (tree, model) in &snapshots {
            same(tree, model)?;
        }
    }

    #[test]
    fn wide_directories_keep_order_and_names(adds in prop::collection::vec((0u16..400, any::<bool>()), 1..600)) {
        let mut tree = Tree::new();
        let mut names: Vec<String> = Vec::new();
        for (number, add) in adds {
            let name = format!("n{number}");
            let path = StorePath::root().child(&name);
            match add {
                true => {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                    tree.create(&path, b"", &Identity::TOOLS, 1);
                }
                false => {
                    names.retain(|other| *other != name);
                    tree.remove(&path, 1);
                }
            }
        }
        let listing: String = names.iter().map(|name| format!("{name}\0")).collect();
        prop_assert_eq!(&*tree.root().listing(), listing.as_bytes());
    }

    #[test]
    fn counts_add_up_whatever_clients_do(script in prop::collection::vec(client_step(), 1..80)) {
        let mut store = Store::new();
        for domid in [5, 6] {
            store.run(&format!("t MKDIR /local/domain/{domid}| -> OK|\nt SET_PERMS /local/domain/{domid}|n{domid}| -> OK|"));
        }
        let mut open: BTreeMap<&str, u32> = BTreeMap::new();
        for (who, action, path, domid) in script {
            let tx = open.get(who).copied().unwrap_or(0);
            let text = |payload: String| payload.replace('|', "\0").into_bytes();
            match action {
                0 => _ = store.ask(who, MsgType::Write, tx, &text(format!("{path}|value"))),
                1 => _ = store.ask(who, MsgType::Mkdir, tx, &text(format!("{path}|"))),
                2 => _ = store.ask(who, MsgType::Rm, tx, &text(format!("{path}|"))),
                3 => _ = store.ask(who, MsgType::SetPerms, tx, &text(format!("{path}|n{domid}|b5|"))),
                4 => {
                    if let Ok(id) = store.ask(who, MsgType::TransactionStart, 0, b"\0").trim_end_matches('|').parse() {
                        open.insert(who, id);
                    }
                }
                5 => {
                    _ = store.ask(who, MsgType::TransactionEnd, tx, b"T\0");
                    open.remove(who);
                }
                6 if who != "t" => {
                    store.states(&[(who.parse().unwrap(), DomainState::Gone)]);
                    store.forget(who);
                    open.remove(who);
                }
                _ => _ = store.ask(who, MsgType::Directory, tx, &text(format!("{path}|"))),
            }
            prop_assert_eq!(store.ask("checker", MsgType::Control, 0, b"check\0"), "OK|");
        }
        // When both are gone nothing of theirs is left, in the tree or in the counts.
        store.states(&[(5, DomainState::Gone), (6, DomainState::Gone)]);
        prop_assert!(store.server.tree().all().all(|(node, _)| ![5, 6].contains(&node.perms().owner().0)));
        prop_assert_eq!(store.server.tree().accounts().get(DomId(5)).nodes, 0);
        prop_assert_eq!(store.server.tree().accounts().get(DomId(6)).memory, 0);
    }
}

fn client_step() -> impl Strategy<Value = (&'static str, u8, String, u16)> {
    let home = prop::sample::select(vec!["", "/local/domain/5/", "/local/domain/6/", "/"]);
    let name = prop::sample::select(vec!["a", "a/b", "b/c/d", "b"]);
    let path = (home, name).prop_map(|(home, name)| format!("{home}{name}"));
    (prop::sample::select(vec!["t", "5", "6"]), 0u8..8, path, prop::sample::select(vec![0u16, 5, 6]))
}
