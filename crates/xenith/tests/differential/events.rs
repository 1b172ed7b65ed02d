//! What watches told.

use xen_store::wire::MsgType;

use crate::life::Life;
use crate::side::Side;

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
        let (more, less) = (without(&ours, &theirs), without(&theirs, &ours));
        let for_all = |event: &Vec<u8>| number > 0 && event.starts_with(b"@releaseDomain\0");
        let (releases, more): (Vec<_>, Vec<_>) = more.into_iter().partition(for_all);
        names.extend((!releases.is_empty()).then_some("release-for-all"));
        if !less.is_empty() || !more.iter().all(is_transient) {
            return Err(format!("client {number}\n  ours   {:?}\n  theirs {:?}", text(&ours), text(&theirs)));
        }
        if releases.is_empty() || !more.is_empty() {
            names.push(if more.is_empty() { "commit-event-order" } else { "transient-node" });
        }
    }
    Ok(names)
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
