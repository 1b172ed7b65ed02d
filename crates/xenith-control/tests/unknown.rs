//! A Xen that is not in the table: what is known without guessing is told, and nothing is created.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;

use common::{Host, json_of};
use xen_abi::{Arg, Call, DomId, Release};
use xen_hv::{Hypercalls, SeamError};
use xen_store::client::Requests;
use xen_store::path;
use xenith_control::{Control, ControlConfig};

/// Xen 4.99 with the numbers of 4.22: the triple has no row.
struct Newer(Arc<dyn Hypercalls>);

impl Hypercalls for Newer {
    fn issue(&self, call: &mut Call) -> Result<i64, SeamError> {
        const XEN_VERSION: u32 = 17;
        if call.number == XEN_VERSION && call.args[0] == Arg::Word(0) {
            return Ok(4 << 16 | 99);
        }
        assert!(call.name != "domctl createdomain", "nothing is created on a Xen that is not known");
        self.0.issue(call)
    }
}

#[tokio::test]
async fn only_what_is_stable_is_offered() {
    let host = Host::new(Release::V4_22);
    let config = host.config();
    let hypercalls = Arc::new(Newer(config.hypercalls.clone()));
    let control = Arc::new(Control::start(ControlConfig { hypercalls, ..config }).unwrap());
    let home = path::domain(DomId(3));
    for (node, value) in [(home.name(), "theirs"), (home.memory_target(), "65536"), (home.vcpu_availability(0), "online")] {
        host.client().write(&node, value).unwrap();
    }
    let told = json_of(&control, "GET", "/v1/host", None, 200).await;
    assert!(told["stable_only"].as_str().unwrap().contains("4.99"), "{told}");
    assert!(told.get("release").is_none());
    assert!(told["mitigations_unknown"].as_str().unwrap().contains("4.99"), "{told}");
    let list = json_of(&control, "GET", "/v1/domains", None, 200).await;
    let theirs = list.as_array().unwrap().iter().find(|domain| domain["domid"] == 3).expect("listed");
    assert_eq!((theirs["name"].as_str(), theirs["memory_kib"].as_u64(), theirs["vcpus"].as_u64()), (Some("theirs"), Some(65536), Some(1)));
    for (method, path, body) in [
        ("POST", "/v1/domains", Some(host.create_request("web"))),
        ("DELETE", "/v1/domains/theirs", None),
        ("POST", "/v1/domains/theirs/pause", None),
        ("GET", "/v1/host/log", None),
        ("GET", "/v1/cpupools", None),
    ] {
        let problem = json_of(&control, method, path, body, 503).await;
        assert_eq!(problem["code"], "xen-unknown", "{method} {path}");
    }
    // The store needs no Xen that is known.
    let told = json_of(&control, "GET", &format!("/v1/store?path={}", home.name()), None, 200).await;
    assert_eq!(told["nodes"][0]["value"], "theirs");
    json_of(&control, "POST", "/v1/domains/theirs/shutdown", None, 204).await;
    assert_eq!(host.client().read_text(&home.control_shutdown()).unwrap().as_deref(), Some("poweroff"));
    assert!(control.observe().unwrap().is_none());
}

/// No hypervisor: every call fails as it does where the module is loaded and nobody answers.
struct Absent;

impl Hypercalls for Absent {
    fn issue(&self, call: &mut Call) -> Result<i64, SeamError> {
        Err(SeamError::Refused { what: call.name, errno: xen_abi::Errno::ENOSYS })
    }
}

#[test]
fn without_a_hypervisor_control_does_not_start() {
    let host = Host::new(Release::V4_22);
    let config = ControlConfig { hypercalls: Arc::new(Absent), ..host.config() };
    let problem = Control::start(config).err().expect("refused");
    assert_eq!(problem.code, xenith_api::latest::Code::XenAbsent, "{problem}");
}
