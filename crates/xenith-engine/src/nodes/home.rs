//! The domain's own directory.

use xen_store::path;

use super::{Node, NodeNumbers, NodeSpec, node};

/// What `cpu/N/availability` says (docs/misc/xenstore-paths.pandoc).
pub(crate) fn availability(online: bool) -> &'static str {
    if online { "online" } else { "offline" }
}

pub(super) fn nodes(spec: &NodeSpec, numbers: NodeNumbers) -> Vec<Node> {
    let domid = numbers.domid;
    let home = path::domain(domid);
    let mut all = vec![
        node(home.root().clone(), "").read_by(domid),
        node(home.vm(), path::vm(spec.uuid).root()),
        node(home.name(), &spec.name),
        node(home.domid(), domid.0),
        node(home.memory_static_max(), spec.memory_kib),
        node(home.memory_target(), spec.memory_kib),
        node(home.memory_videoram(), 0),
        node(home.store_port(), numbers.store_port.0),
        node(home.store_ring_ref(), spec.store_gfn.0),
        node(home.control_platform_feature_multiprocessor_suspend(), 1),
        node(home.control_platform_feature_xs_reset_watches(), 1),
    ];
    all.extend((0..spec.vcpus).map(|vcpu| node(home.vcpu_availability(vcpu), availability(true))));
    let own = [
        home.suspend_event_channel(),
        home.control_shutdown(),
        home.control_sysrq(),
        home.control_feature_poweroff(),
        home.control_feature_reboot(),
        home.control_feature_suspend(),
        home.data(),
        home.drivers(),
        home.feature(),
        home.attr(),
        home.error(),
    ];
    all.extend(own.into_iter().map(|path| node(path, "").owned_by(domid)));
    all
}
