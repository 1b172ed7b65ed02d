//! Every path of a store, by walking it from outside.

use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result};
use xen_store::client::{Client, Request, SocketTransport};
use xen_store::path::StorePath;

/// Every node that a tools' connection sees.
pub fn paths(socket: &Path) -> Result<BTreeSet<String>> {
    let stream = UnixStream::connect(socket).with_context(|| format!("store {}", socket.display()))?;
    let mut store = Client::new(SocketTransport::new(stream));
    let mut open = vec![StorePath::root()];
    let mut found = BTreeSet::new();
    while let Some(path) = open.pop() {
        // A node may go away while we walk.
        if let Some(Ok(names)) = store.pipeline(&[Request::directory(&path)])?.into_iter().next() {
            let names = String::from_utf8_lossy(&names).into_owned();
            open.extend(names.split_terminator('\0').map(|name| path.child(name)));
        }
        found.insert(path.as_str().to_string());
    }
    Ok(found)
}
