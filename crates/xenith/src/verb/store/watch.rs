//! `xenith store watch`.

use serde_json::json;
use xen_store::client::{ClientError, Event, Requests};
use xen_store::path::StorePath;
use xenith_api::latest::{Code, Problem};

use super::place::{self, Place, Store};
use crate::context::{Context, goes_on, json_line};
use crate::failure;

/// Print the paths that change at or below nodes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store watch /local/domain/3             until it is interrupted\n  \
    xenith store watch -n 2 @releaseDomain         the event that every watch begins with, then the next\n  \
    xenith store watch --json /a | jq -r .path     an object on each line: path, and the watched node as token\n\n\
    Output is that of xenstore-watch. When the store is restarted the nodes are watched again and printed once more, and stderr says so.")]
pub struct Watch {
    /// The nodes, or @introduceDomain and @releaseDomain
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    /// End after so many events
    #[arg(short, long, value_name = "EVENTS")]
    number: Option<u64>,
    #[command(flatten)]
    place: Place,
}

impl Watch {
    /// Watches and prints.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let paths = place::paths(&self.nodes)?;
        let mut store = self.place.connect()?;
        register(&mut store, &paths).map_err(|error| place::problem(&error))?;
        let mut left = self.number.unwrap_or(u64::MAX);
        while left > 0 {
            match store.wait_event(None) {
                Ok(Some(event)) if tell(&event, context)? => left -= 1,
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                // Told, and on: the next events are as good as any.
                Err(ClientError::EventsLost) => failure::tell(&place::problem(&ClientError::EventsLost), context.json),
                Err(error) if place::is_gone(&error) => store = self.again(&paths, context)?,
                Err(error) => return Err(place::problem(&error)),
            }
        }
        Ok(())
    }

    /// The store went away. Once it is back every watch fires as new ones do: whoever reads the events looks again, and has missed nothing.
    fn again(&self, paths: &[StorePath], context: &Context) -> Result<Store, Problem> {
        notice("the store closed the connection", "waiting for it to come back", context);
        loop {
            let mut store = self.place.connect_again()?;
            match register(&mut store, paths) {
                Err(error) if place::is_gone(&error) => {}
                Err(error) => return Err(place::problem(&error)),
                Ok(()) => {
                    notice("the store is back", "every node is watched again, and told once", context);
                    return Ok(store);
                }
            }
        }
    }
}

fn register(store: &mut Store, paths: &[StorePath]) -> Result<(), ClientError> {
    paths.iter().try_for_each(|path| store.watch(path, path.as_str()))
}

fn notice(what: &str, then: &str, context: &Context) {
    failure::tell(&Problem::new(Code::StoreUnreachable, "store", what, then), context.json);
}

/// `false` where nobody reads any more.
fn tell(event: &Event, context: &Context) -> Result<bool, Problem> {
    if context.json {
        return goes_on(&json_line(&json!({ "path": event.path, "token": event.token }))?);
    }
    goes_on(format!("{}\n", event.path).as_bytes())
}
