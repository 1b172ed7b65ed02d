//! Our client and our store, by every way that leads to it: what one client writes the other reads, watches fire, and a transaction that met
//! another is made again.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xen_store::client::{self, Client, Connection, Requests};
use xen_store::path::StorePath;

use crate::world::World;

/// Longer than any emulated machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn run(world: &mut dyn World) -> Result<()> {
    let root = StorePath::parse("/store-client")?;
    let places = world.store_places();
    ensure!(!places.is_empty(), "no way leads to the store");
    // Each way beside the next, and the last beside the first.
    for (place, beside) in places.iter().zip(places.iter().cycle().skip(1)) {
        let both = || format!("{} beside {}", place.display(), beside.display());
        meet(&mut open(place)?, &mut open(beside)?, &root).with_context(both)?;
    }
    Ok(())
}

fn open(place: &Path) -> Result<Client<Connection>> {
    Ok(client::open(Some(place), PATIENCE)?)
}

fn meet(one: &mut Client<Connection>, other: &mut Client<Connection>, root: &StorePath) -> Result<()> {
    let (node, copy) = (root.child("node"), root.child("copy"));
    one.watch(&node, "token")?;
    fires(one, &node, "when it is made")?;
    other.write(&node, "1")?;
    fires(one, &node, "when the other client writes")?;
    ensure!(one.read(&node)? == b"1", "what was written is not what is read");
    let mut tries = 0;
    one.transaction(|tx| {
        tries += 1;
        let value = tx.read(&node)?;
        if tries == 1 {
            other.write(&node, "2")?;
        }
        tx.write(&copy, value)
    })?;
    ensure!(tries == 2, "a transaction that met another was made {tries} times");
    ensure!(other.read(&copy)? == b"2", "the transaction saw what was no more");
    one.unwatch(&node, "token")?;
    Ok(other.rm(root)?)
}

fn fires(client: &mut Client<Connection>, node: &StorePath, when: &str) -> Result<()> {
    let event = client.wait_event(Some(PATIENCE))?.with_context(|| format!("the watch does not fire {when}"))?;
    ensure!((event.path.as_str(), event.token.as_str()) == (node.as_str(), "token"), "the watch fires {when} with {event:?}");
    Ok(())
}
