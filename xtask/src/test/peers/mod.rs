//! Ours beside the stock programs, on plain Linux: Xen's own suite on our store, random scripts on both, then one daemon after another in one
//! process.

use anyhow::{Result, ensure};
use lab::packages::Gone;
use lab::peer::{self, Peer};
use lab::{Cache, Release};

use super::house::House;
use super::stages::{command, count_tests, lines};
use super::tally::Tally;

mod suite;

/// Releases whose C xenstored has a live update.
const PEERS: [&str; 2] = ["4.17", "4.20"];
/// The one that ours follows.
const COMPARED: &str = "4.20";

/// A suite that is gone from the mirror skips its programs by name.
pub(super) fn run(house: &mut House) -> Result<Tally> {
    let cache = Cache::open()?;
    let (mut peers, mut tally) = (Vec::new(), Tally::default());
    for release in PEERS.into_iter().filter_map(Release::named) {
        match peer::peer(&release, &cache, &house.progress) {
            Ok(peer) => peers.push((release, peer)),
            Err(error) => match error.downcast_ref::<Gone>() {
                Some(gone) => tally.skipped.push(format!("stock programs of {release}: {gone}")),
                None => return Err(error),
            },
        }
    }
    if peers.is_empty() {
        return Ok(tally);
    }
    Ok(tally.and(suite::run(house, &peers)?).and(differential(house, &peers)?).and(takeover(house, &peers)?))
}

/// Random scripts on ours and on the newest C xenstored.
fn differential(house: &House, peers: &[(Release, Peer)]) -> Result<Tally> {
    let Some((_, peer)) = peers.iter().find(|(release, _)| release.name == COMPARED) else {
        return Ok(Tally::skipped(format!("random scripts beside C xenstored {COMPARED}: it is not there")));
    };
    cargo_test(house, &["--test", "differential"], "XENITH_PEER_XENSTORED", &peer.xenstored.display().to_string())
}

fn takeover(house: &House, peers: &[(Release, Peer)]) -> Result<Tally> {
    let programs: Vec<String> = peers.iter().map(|(_, peer)| peer.xenstored.display().to_string()).collect();
    cargo_test(house, &["--test", "takeover"], "XENITH_PEER_XENSTOREDS", &programs.join(":"))
}

/// Tests that only run where the stock programs are. They print their seeds.
fn cargo_test(house: &House, which: &[&str], variable: &str, programs: &str) -> Result<Tally> {
    let arguments = [&["test", "--quiet", "--locked", "-p", "xenith"], which, &["--", "--include-ignored", "--nocapture"]].concat();
    let mut command = command(house, "cargo", &arguments);
    command.env(variable, programs);
    let mut tally = Tally::default();
    let passed = lines(&mut command, |line| count_tests(line, &mut tally))?;
    ensure!(passed || !tally.failed.is_empty(), "cargo test failed; its words are above");
    ensure!(tally.passed + tally.failed.len() > 0, "cargo test ran no test");
    Ok(tally)
}
