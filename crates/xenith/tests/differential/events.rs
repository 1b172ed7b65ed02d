//! What watches told.

use xen_store::wire::MsgType;

use crate::life::Life;
use crate::side::Side;

/// An event that waits unsent swallows the same event once more (XSA-326), in both stores; how long it waits is a matter of time. A script that shows it
/// every time shows something else.
pub const MERGED: &str = "merged-event";

/// Every client asks for something small: what it was told before that is all there is. `removed`: what commits removed since the last call.
pub fn compare(ours: &mut Side, theirs: &mut Side, removed: &mut Vec<String>, life: &Life) -> Result<Vec<&'static str>, String> {
    let removed = std::mem::take(removed);
    let mut names = Vec::new();
    for (number, (here, there)) in ours.clients.iter_mut().zip(&mut theirs.clients).enumerate() {
        if !life.talks(number) {
            continue;
        }
        for client in [&mut *here, &mut *there] {
            client.ask(MsgType::GetDomainPath.number(), 0, b"1\0").ok_or(format!("client {number} is not answered"))?;
        }
        let (ours, theirs) = (std::mem::take(&mut here.events), std::mem::take(&mut there.events));
        if ours == theirs {
            continue;
        }
        let is_transient = |event: &Vec<u8>| removed.iter().any(|path| below(&seen_path(event, number), path));
        let for_all = |event: &Vec<u8>| number > 0 && event.starts_with(b"@releaseDomain\0");
        let (more, mut less) = (without(&ours, &theirs), without(&theirs, &ours));
        let (releases, more): (Vec<_>, Vec<_>) = more.into_iter().partition(for_all);
        let (transient, mut more): (Vec<_>, Vec<_>) = more.into_iter().partition(is_transient);
        let merged = drop_merged(&mut more, &theirs) + drop_merged(&mut less, &ours);
        if !less.is_empty() || !more.is_empty() {
            return Err(format!("client {number}\n  ours   {:?}\n  theirs {:?}", text(&ours), text(&theirs)));
        }
        let why = [("release-for-all", !releases.is_empty()), ("transient-node", !transient.is_empty()), (MERGED, merged > 0)];
        let before = names.len();
        names.extend(why.into_iter().filter_map(|(name, is)| is.then_some(name)));
        if names.len() == before {
            names.push("commit-event-order");
        }
    }
    Ok(names)
}

/// Takes events away that the other store sent as well, if not as often, and gives how many.
fn drop_merged(left: &mut Vec<Vec<u8>>, sent: &[Vec<u8>]) -> usize {
    let before = left.len();
    left.retain(|event| event.starts_with(b"@") || !sent.contains(event));
    before - left.len()
}

/// What is left of `all` after each of `those` took one away.
fn without(all: &[Vec<u8>], those: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut left = all.to_vec();
    for event in those {
        if let Some(at) = left.iter().position(|other| other == event) {
            left.remove(at);
        }
    }
    left
}

/// The path of an event, from the root.
fn seen_path(event: &[u8], client: usize) -> String {
    let path = String::from_utf8_lossy(event.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
    absolute(&path, client)
}

/// From the root, a client's relative path too.
pub fn absolute(path: &str, client: usize) -> String {
    if path.starts_with(['/', '@']) { path.to_owned() } else { format!("/local/domain/{client}/{path}") }
}

fn below(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn text(events: &[Vec<u8>]) -> Vec<String> {
    events.iter().map(|event| String::from_utf8_lossy(event).replace('\0', "|")).collect()
}
