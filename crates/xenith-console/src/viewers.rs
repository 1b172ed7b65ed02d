//! Who looks at which console.
//!
//! ```text
//!   attach --> Live (a place in the console's history) --the domain is gone--> Ended (what it had not seen yet) --> detach
//! ```

use std::collections::BTreeMap;
use std::io;

use xen_abi::DomId;
use xen_store::client::Transport;

use crate::console::Console;
use crate::history::{History, Pumped, Viewer};

/// A viewer's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewerId(u64);

/// How a viewer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// It has seen everything so far.
    Whole,
    /// It takes no more for now.
    Full,
    /// It has seen everything, and the domain is gone.
    Ended,
}

enum State {
    Live(Viewer),
    Ended(Vec<u8>),
}

/// All viewers.
#[derive(Default)]
pub(crate) struct Viewers {
    table: BTreeMap<ViewerId, (DomId, State)>,
    next: u64,
}

impl Viewers {
    /// A domain is gone: each of its viewers keeps what it has not seen.
    pub fn end(&mut self, domid: DomId, history: &History) {
        for (whose, state) in self.table.values_mut() {
            if let (true, State::Live(viewer)) = (*whose == domid, &mut *state) {
                let mut rest = Vec::new();
                // Writing into memory takes everything.
                let _ = viewer.pump(history, |bytes| {
                    rest.extend_from_slice(bytes);
                    Ok(bytes.len())
                });
                *state = State::Ended(rest);
            }
        }
    }
}

impl<T: Transport> Console<T> {
    /// Lets somebody look at a console: first what is kept of it, if `replay`, then what it says. None where no console of this domain is
    /// served.
    pub fn attach(&mut self, domid: DomId, replay: bool) -> Option<ViewerId> {
        let viewer = Viewer::new(&self.sessions.get(&domid)?.history, replay);
        let id = ViewerId(self.viewers.next);
        self.viewers.next += 1;
        self.viewers.table.insert(id, (domid, State::Live(viewer)));
        Some(id)
    }

    /// The viewer is gone.
    pub fn detach(&mut self, id: ViewerId) {
        self.viewers.table.remove(&id);
    }

    /// Writes to a viewer what it has not seen. `write` may take a part, and says `WouldBlock` when it is full; any other error is for the
    /// caller, who detaches the viewer.
    pub fn pump(&mut self, id: ViewerId, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<View> {
        let Some((domid, state)) = self.viewers.table.get_mut(&id) else { return Ok(View::Ended) };
        match state {
            State::Live(viewer) => {
                let Some(session) = self.sessions.get(domid) else { return Ok(View::Ended) };
                Ok(match viewer.pump(&session.history, write)? {
                    Pumped::Whole => View::Whole,
                    Pumped::Full => View::Full,
                })
            }
            State::Ended(rest) => {
                while !rest.is_empty() {
                    match write(rest) {
                        Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                        Ok(written) => drop(rest.drain(..written.min(rest.len()))),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(View::Full),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(View::Ended)
            }
        }
    }
}
