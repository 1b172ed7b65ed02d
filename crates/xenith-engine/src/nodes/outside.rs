//! What stands outside the domain's own directory: `/vm/UUID` and `/libxl/N`.

use xen_abi::DomId;
use xen_store::path;

use super::{Node, NodeSpec, node};

pub(super) fn nodes(spec: &NodeSpec, domid: DomId) -> Vec<Node> {
    let vm = path::vm(spec.uuid);
    let libxl = path::libxl(domid);
    let (seconds, hundredths) = spec.started;
    vec![
        node(vm.root().clone(), "").read_by(domid),
        node(vm.uuid(), spec.uuid),
        node(vm.name(), &spec.name),
        node(vm.start_time(), format!("{seconds}.{hundredths:02}")),
        node(libxl.root().clone(), "").hidden(),
        node(libxl.domain_type(), "pvh"),
        node(libxl.dm_version(), "none"),
    ]
}
