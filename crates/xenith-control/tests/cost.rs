//! What a create costs, counted: the same on every run, so that it cannot creep up unseen.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Host, json_of};
use xen_abi::Release;
use xenith_api::latest::Cost;

/// Hypercalls and mappings together; stock tools take 107.
const CALLS_MAX: u64 = 24;
/// Waits for the store; stock tools take 119.
const WAITS_MAX: u64 = 3;

#[tokio::test]
async fn a_create_stays_within_its_calls_and_waits() {
    for release in Release::ALL {
        let host = Host::new(release);
        let control = host.start();
        let mut costs = Vec::new();
        for name in ["first", "second", "third"] {
            let mut request = host.create_request(name);
            request["paused"] = true.into();
            let created = json_of(&control, "POST", "/v1/domains", Some(request), 201).await;
            costs.push(serde_json::from_value::<Cost>(created["cost"].clone()).unwrap());
        }
        let cost = costs[0];
        assert_eq!(costs, [cost; 3], "{release}: it does not grow with the domains that are there");
        assert!(cost.hypercalls + cost.mappings <= CALLS_MAX, "{release}: {cost:?}");
        assert!((1..=WAITS_MAX).contains(&cost.store_waits), "{release}: {cost:?}");
        assert!(cost.traps < cost.hypercalls && cost.mapped_frames > cost.mappings, "{release}: {cost:?}");
    }
}
