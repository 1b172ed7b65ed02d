//! Nodes of the store, for administrators.

use super::{Client, Exchange, escape};
use crate::v1::routes::{self, Route};
use crate::v1::{Problem, StoreNodes, StoreValue};

impl<E: Exchange> Client<E> {
    /// A node, and those below it so many levels down.
    pub fn store_nodes(&self, path: &str, depth: u32) -> Result<StoreNodes, Problem> {
        self.get(&format!("{}&depth={depth}", at(routes::READ_STORE, path)))
    }

    /// Writes a node's value; nodes that are missing on the way are made.
    pub fn write_store(&self, path: &str, value: &[u8]) -> Result<(), Problem> {
        let value = StoreValue::of(value.to_vec());
        self.call(routes::WRITE_STORE.method, &at(routes::WRITE_STORE, path), Some(&value)).map(drop)
    }

    /// Removes a node and all below it.
    pub fn remove_store(&self, path: &str) -> Result<(), Problem> {
        self.call::<()>(routes::REMOVE_STORE.method, &at(routes::REMOVE_STORE, path), None).map(drop)
    }
}

/// The route with the node that is meant, whatever the text holds.
fn at(route: Route, path: &str) -> String {
    format!("{}?path={}", route.path, escape(path, b"-._~/@"))
}
