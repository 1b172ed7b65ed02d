//! Domains that another toolstack made: found, operated, left to who looks after them, and taken over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;

use common::{Host, json_of};
use serde_json::{Value, json};
use xen_abi::hypercall::sched::ShutdownReason;
use xen_abi::{DomId, Release};
use xenith_api::latest::EventKind;
use xenith_control::{Control, ControlConfig};

/// A host with stock xl's files and processes.
struct Stock {
    host: Host,
    release: Release,
}

impl Stock {
    fn new(release: Release) -> Stock {
        let host = Host::new(release);
        for place in ["proc", "libxl"] {
            std::fs::create_dir(host.dir.path().join(place)).unwrap();
        }
        Stock { host, release }
    }

    fn path(&self, place: &str) -> PathBuf {
        self.host.dir.path().join(place)
    }

    fn control(&self) -> Arc<Control> {
        let config = ControlConfig { proc_dir: self.path("proc"), libxl_dir: self.path("libxl"), ..self.host.config() };
        Arc::new(Control::start(config).unwrap())
    }

    /// A domain with the store nodes that libxl writes, libxl's record of it, and no word of it to our control.
    async fn create(&self, name: &str, on: &str, devices: &str) -> (DomId, Value) {
        let dir = self.path(&format!("stock-{name}"));
        let config = ControlConfig { run_dir: dir.clone(), state_dir: dir, ..self.host.config() };
        let mut request = self.host.create_request(name);
        request["config"]["boot"]["cmdline"] = json!("sim.script=busy");
        let made = json_of(&Arc::new(Control::start(config).unwrap()), "POST", "/v1/domains", Some(request), 201).await;
        let (domid, uuid) = (made["domain"]["domid"].as_u64().unwrap() as u16, made["domain"]["uuid"].as_str().unwrap());
        let record = format!(
            r#"{{"c_info":{{"type":"pvh","name":"{name}","uuid":"{uuid}"}},"b_info":{{"max_vcpus":1,"avail_vcpus":[0],"max_memkb":16384,
               "target_memkb":16384,"kernel":{},"cmdline":"sim.script=busy"}}{devices},{on}}}"#,
            json!(self.host.kernel())
        );
        std::fs::write(self.path("libxl").join(format!("userdata-d.{domid}.{uuid}.libxl-json")), record).unwrap();
        self.run();
        (DomId(domid), json!(uuid))
    }

    fn run(&self) {
        self.host.machine.advance_ns(5_000_000_000);
        self.host.machine.run_guests();
    }

    /// A process as xl leaves it for each domain.
    fn monitor(&self, name: &str) -> Child {
        let child = Command::new("sleep").arg("100").spawn().unwrap();
        let place = self.path("proc").join(child.id().to_string());
        std::fs::create_dir_all(place.join("fd")).unwrap();
        std::fs::write(place.join("comm"), "xl\n").unwrap();
        std::fs::write(place.join("cmdline"), format!("xl\0create\0{name}.cfg\0")).unwrap();
        symlink(format!("/var/log/xen/xl-{name}.log"), place.join("fd/1")).unwrap();
        child
    }

    fn gone(&self, mut monitor: Child) {
        let _ = monitor.kill();
        monitor.wait().unwrap();
        std::fs::remove_dir_all(self.path("proc").join(monitor.id().to_string())).unwrap();
    }
}

fn count(control: &Control, kind: EventKind) -> usize {
    control.events().read(0).unwrap().lines.iter().filter(|(_, one, _)| *one == kind).count()
}

const RESTARTS: &str = r#""on_reboot":"restart","on_crash":"restart""#;

#[tokio::test]
async fn while_its_monitor_lives_a_domain_is_left_to_it_and_then_it_is_ours() {
    for release in [Release::V4_14, Release::V4_17, Release::V4_20, Release::V4_22] {
        let stock = Stock::new(release);
        let control = stock.control();
        let before = stock.host.everything();
        let (domid, uuid) = stock.create("web", RESTARTS, "").await;
        let monitor = stock.monitor("web");
        control.observe().unwrap();
        let seen = json_of(&control, "GET", "/v1/domains/web", None, 200).await;
        assert_eq!((&seen["config"]["memory"], &seen["config"]["on"]["crash"]), (&json!("16MiB"), &json!("restart")), "{release}");
        for verb in ["pause", "unpause", "shutdown"] {
            json_of(&control, "POST", &format!("/v1/domains/web/{verb}"), None, 204).await;
        }
        stock.host.stop(domid, ShutdownReason::Reboot);
        assert!(control.observe().unwrap().is_some_and(|due| due.as_secs() <= 2), "{release}: looks again soon");
        assert_eq!(stock.host.domids(), [domid], "{release}: its monitor acts, not we");
        stock.gone(monitor);
        control.observe().unwrap();
        assert_eq!(count(&control, EventKind::DomainAdopted), 1, "{release}");
        stock.host.machine.advance_ns(60_000_000_000);
        control.observe().unwrap();
        control.observe().unwrap();
        let again = json_of(&control, "GET", "/v1/domains/web", None, 200).await;
        assert_eq!((&again["uuid"], again["domid"] != json!(domid.0)), (&uuid, true), "{release}: restarted, once");
        assert_eq!(stock.host.domids().len(), 1, "{release}");
        assert_eq!(std::fs::read_dir(stock.path("libxl")).unwrap().count(), 0, "{release}: libxl's record went with the domain");
        // The next daemon knows it as well.
        drop(control);
        let control = stock.control();
        json_of(&control, "DELETE", "/v1/domains/web?wait=60", None, 204).await;
        assert_eq!(stock.host.everything(), before, "{release}");
        assert_eq!(stock.release, release);
    }
}

#[tokio::test]
async fn adopt_ends_the_monitor_and_a_reboot_comes_back_once() {
    let stock = Stock::new(Release::V4_17);
    let control = stock.control();
    let mut monitors = Vec::new();
    for name in ["web", "db", "mail"] {
        stock.create(name, RESTARTS, "").await;
        monitors.push(stock.monitor(name));
    }
    control.observe().unwrap();
    for (name, monitor) in ["web", "db", "mail"].into_iter().zip(&mut monitors) {
        for _ in 0..2 {
            let adopted = json_of(&control, "POST", &format!("/v1/domains/{name}/adopt"), None, 200).await;
            assert_eq!((&adopted["name"], &adopted["config"]["name"]), (&json!(name), &json!(name)));
        }
        assert!(monitor.wait().unwrap().code().is_none(), "{name}: a signal ended its monitor");
    }
    assert_eq!(count(&control, EventKind::DomainAdopted), 3);
    stock.host.machine.advance_ns(60_000_000_000);
    for domid in stock.host.domids() {
        stock.host.stop(domid, ShutdownReason::Reboot);
    }
    control.observe().unwrap();
    control.observe().unwrap();
    assert_eq!(stock.host.domids().len(), 3);
    assert_eq!(json_of(&control, "GET", "/v1/doctor", None, 200).await["clean"], true);
}

#[tokio::test]
async fn what_cannot_be_made_again_is_not_taken_over() {
    let stock = Stock::new(Release::V4_20);
    let control = stock.control();
    let (domid, _) = stock.create("disky", RESTARTS, r#","disks":[{"vdev":"xvda"}]"#).await;
    control.observe().unwrap();
    let refused = json_of(&control, "POST", "/v1/domains/disky/adopt", None, 409).await;
    assert_eq!(refused["code"], "not-adoptable");
    assert!(refused["detail"].as_str().unwrap().contains("it has disks"), "{refused}");
    stock.host.stop(domid, ShutdownReason::Reboot);
    control.observe().unwrap();
    assert_eq!((stock.host.domids(), count(&control, EventKind::DomainAdopted)), (vec![domid], 0));
    json_of(&control, "POST", "/v1/domains/Domain-0/adopt", None, 409).await;
    json_of(&control, "DELETE", "/v1/domains/disky?wait=60", None, 204).await;
    assert_eq!(std::fs::read_dir(stock.path("libxl")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_others_do_is_told_as_drift_once() {
    let stock = Stock::new(Release::V4_20);
    let control = stock.control();
    let monitor = stock.monitor("web");
    control.observe().unwrap();
    let (domid, _) = stock.create("web", RESTARTS, "").await;
    for _ in 0..2 {
        control.observe().unwrap();
        assert_eq!(count(&control, EventKind::Drift), 1, "it came");
    }
    stock.host.xen().destroy_domain(domid).unwrap();
    for _ in 0..2 {
        control.observe().unwrap();
        assert_eq!(count(&control, EventKind::Drift), 2, "it went");
    }
    // Whatever we do ourselves is no drift.
    let (_, _) = stock.create("db", RESTARTS, "").await;
    control.observe().unwrap();
    json_of(&control, "DELETE", "/v1/domains/db?wait=60", None, 204).await;
    json_of(&control, "POST", "/v1/domains", Some(stock.host.create_request("ours")), 201).await;
    control.observe().unwrap();
    json_of(&control, "DELETE", "/v1/domains/ours?wait=60", None, 204).await;
    control.observe().unwrap();
    assert_eq!(count(&control, EventKind::Drift), 3, "db came");
    stock.gone(monitor);
}
