//! CPU pools over a simulated host, on every release.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::atomic::Ordering;

use common::{Host, json_of};
use serde_json::json;
use xen_abi::Release;
use xen_abi::hypercall::sysctl::sched_id;
use xen_sim::{CpuPoolConfig, MachineConfig};
use xen_store::client::Requests;
use xen_store::path;

#[tokio::test]
async fn a_host_as_it_comes_has_one_pool_with_everything() {
    for release in Release::ALL {
        let host = Host::new(release);
        let control = host.start();
        assert!(json_of(&control, "GET", "/v1", None, 200).await["features"].as_array().unwrap().contains(&json!("cpupools")));
        let one = |domains: u32| {
            let pool = json!({ "id": 0, "name": "Pool-0", "scheduler": "credit2", "cpus": [0, 1], "domains": domains });
            json!({ "pools": [pool], "free_cpus": [] })
        };
        assert_eq!(json_of(&control, "GET", "/v1/cpupools", None, 200).await, one(1), "{release}");
        json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
        assert_eq!(json_of(&control, "GET", "/v1/cpupools", None, 200).await, one(2), "{release}");
    }
}

#[tokio::test]
async fn every_pool_is_told_with_the_name_that_the_store_has() {
    let pool = |id, scheduler, cpus: &[u32]| CpuPoolConfig { id, scheduler, cpus: cpus.to_vec() };
    for release in Release::ALL {
        let cpupools = vec![pool(0, sched_id::CREDIT2, &[0, 1, 8]), pool(2, sched_id::NULL, &[]), pool(7, 42, &[10])];
        let host = Host::with(release, MachineConfig { cpus: 12, cpupools, ..MachineConfig::default() });
        host.client().write(&path::pool(7).name(), "fast").unwrap();
        let control = host.start();
        let expected = json!({
            "pools": [
                { "id": 0, "name": "Pool-0", "scheduler": "credit2", "cpus": [0, 1, 8], "domains": 1 },
                { "id": 2, "scheduler": "null", "cpus": [], "domains": 0 },
                { "id": 7, "name": "fast", "scheduler": "scheduler 42", "cpus": [10], "domains": 0 },
            ],
            "free_cpus": [2, 3, 4, 5, 6, 7, 9, 11],
        });
        assert_eq!(json_of(&control, "GET", "/v1/cpupools", None, 200).await, expected, "{release}");
        // Without a store the pools are there, and what they are called is not known.
        host.store_up.store(false, Ordering::Relaxed);
        let told = json_of(&host.start(), "GET", "/v1/cpupools", None, 200).await;
        assert_eq!((&told["pools"][2]["id"], told["pools"][2].get("name")), (&json!(7), None), "{release}");
    }
}
