//! Watches in the state image.

use std::collections::HashMap;

use super::super::{ConnId, Server};
use crate::image::{ImageError, Kind, Reader, Record, Slot, Writer};
use crate::path::StorePath;
use crate::watch::{Watch, WatchId};

impl Server {
    /// Keeps watches that came or went.
    pub(super) fn keep_watches(&mut self, changed: Vec<WatchId>) {
        let Some(keeping) = &mut self.keeping else { return };
        for id in changed {
            let slot = keeping.watches.remove(&id);
            match (self.watches.get(id), slot) {
                (Some(watch), None) => {
                    let slot = keeping.image.put(Kind::Watch, encode(id, watch).bytes());
                    keeping.watches.insert(id, slot);
                }
                (Some(_), Some(slot)) => {
                    keeping.watches.insert(id, slot);
                }
                (None, slot) => keeping.image.remove(slot.unwrap_or(Slot::NONE)),
            }
        }
    }

    /// Takes watches back, the oldest first: several on one node fire in this order.
    pub(super) fn recover_watches(&mut self, records: &[Record<'_>]) -> Result<HashMap<WatchId, Slot>, ImageError> {
        let mut watches = records.iter().map(|record| decode(record.body)).collect::<Result<Vec<_>, _>>()?;
        let slots = watches.iter().zip(records).map(|((id, _), record)| (*id, record.slot)).collect();
        watches.sort_unstable_by_key(|(id, _)| *id);
        for (id, watch) in watches {
            let connection = self.connections.get_mut(&watch.conn).ok_or(ImageError::Damaged("a watch has no client"))?;
            connection.watch_bytes += watch.size();
            connection.watches.insert((watch.path.clone(), watch.token.clone()), id);
            self.watches.restore(id, watch);
        }
        Ok(slots)
    }
}

fn encode(id: WatchId, watch: &Watch) -> Writer {
    let mut body = Writer::default();
    // 0: no depth.
    let depth = watch.depth.map_or(0, |depth| depth as u64 + 1);
    body.number(id.0).number(watch.conn.0).size(watch.hidden_prefix).number(depth);
    body.string(watch.path.as_str().as_bytes()).rest(&watch.token);
    body
}

fn decode(body: &[u8]) -> Result<(WatchId, Watch), ImageError> {
    let mut body = Reader::new(body);
    let (id, conn) = (WatchId(body.number()?), ConnId(body.number()?));
    let hidden_prefix = body.narrow()?;
    let depth = body.narrow::<usize>()?.checked_sub(1);
    let path = StorePath::parse(body.text()?).map_err(|_| ImageError::Damaged("a watch has no path"))?;
    Ok((id, Watch { conn, path, token: body.rest().into(), hidden_prefix, depth }))
}
