//! All clients, and which of them changed since the state image was last told.

use std::collections::BTreeMap;

use super::ConnId;
use super::connection::Connection;
use crate::image::Slot;

#[derive(Debug, Default)]
pub(super) struct Connections {
    all: BTreeMap<ConnId, Connection>,
    /// Whether anybody asks for what changed.
    kept: bool,
    touched: Vec<ConnId>,
    /// Records of those that left.
    dead: Vec<Slot>,
}

impl Connections {
    pub fn get(&self, conn: &ConnId) -> Option<&Connection> {
        self.all.get(conn)
    }

    /// Whoever asks for this may change it.
    pub fn get_mut(&mut self, conn: &ConnId) -> Option<&mut Connection> {
        let connection = self.all.get_mut(conn)?;
        if self.kept && !std::mem::replace(&mut connection.touched, true) {
            self.touched.push(*conn);
        }
        Some(connection)
    }

    /// For whoever changes only what nobody keeps.
    pub fn get_mut_quietly(&mut self, conn: &ConnId) -> Option<&mut Connection> {
        self.all.get_mut(conn)
    }

    pub fn insert(&mut self, conn: ConnId, connection: Connection) {
        self.all.insert(conn, connection);
        self.get_mut(&conn);
    }

    pub fn remove(&mut self, conn: &ConnId) -> Option<Connection> {
        let mut connection = self.all.remove(conn)?;
        if self.kept {
            self.dead.append(&mut connection.all_slots());
        }
        Some(connection)
    }

    pub fn contains_key(&self, conn: &ConnId) -> bool {
        self.all.contains_key(conn)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ConnId, &Connection)> {
        self.all.iter()
    }

    pub fn values(&self) -> impl Iterator<Item = &Connection> {
        self.all.values()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// From now on somebody asks who knows nothing yet: everything counts as changed.
    pub fn keep(&mut self) {
        self.kept = true;
        self.dead.clear();
        self.touched = self.all.keys().copied().collect();
        for connection in self.all.values_mut() {
            connection.touched = true;
            connection.forget_image();
        }
    }

    /// From now on somebody asks, and knows everything already.
    pub fn keep_from_here(&mut self) {
        self.kept = true;
    }

    /// Clients that may have changed since the last call.
    pub fn take_touched(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.touched)
    }

    /// Records of clients that left since the last call.
    pub fn take_dead(&mut self) -> Vec<Slot> {
        std::mem::take(&mut self.dead)
    }
}
