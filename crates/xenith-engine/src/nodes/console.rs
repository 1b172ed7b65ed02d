//! The primary console: the frontend that guest and `xl console` read, its backend, and the tools' own record of both.
//!
//! The guest owns nothing here: a frontend that could name another backend would lead teardown astray.

use xen_store::path::{DeviceKind, DevicePaths, backend, libxl};

use super::{Node, NodeNumbers, NodeSpec, SERVING, node};

/// Bytes of output that stock xenconsoled keeps for a guest (libxl, `LIBXL_XENCONSOLE_LIMIT`).
const LIMIT_BYTES: u32 = 1_048_576;
/// `XenbusStateInitialising` (public/io/xenbus.h). The primary console never leaves it.
const INITIALISING: u32 = 1;
/// What stock tools call the terminal that a console speaks to.
const PROTOCOL: &str = "vt100";

pub(super) fn nodes(spec: &NodeSpec, numbers: NodeNumbers) -> Vec<Node> {
    let domid = numbers.domid;
    let front = DevicePaths::primary_console(domid);
    let back = backend(SERVING, DeviceKind::Console, domid, 0);
    let record = libxl(domid).device_of(DeviceKind::Console, 0);
    let mut all = frontend(&front, &back, spec, numbers);
    all.push(node(back.root().clone(), "").read_by(domid));
    all.extend(ends(&back, &front, numbers));
    all.push(node(record.backend(), back.root()));
    all.extend(ends(&record, &front, numbers));
    all
}

fn frontend(front: &DevicePaths, back: &DevicePaths, spec: &NodeSpec, numbers: NodeNumbers) -> Vec<Node> {
    vec![
        node(front.backend(), back.root()),
        node(front.backend_id(), SERVING.0),
        node(front.limit(), LIMIT_BYTES),
        node(front.kind(), "xenconsoled"),
        node(front.output(), "pty"),
        node(front.tty(), ""),
        node(front.port(), numbers.console_port.0),
        node(front.ring_ref(), spec.console_gfn.0),
    ]
}

/// What the backend says; the tools keep a copy where no guest can write.
fn ends(at: &DevicePaths, front: &DevicePaths, numbers: NodeNumbers) -> Vec<Node> {
    vec![
        node(at.frontend(), front.root()),
        node(at.frontend_id(), numbers.domid.0),
        node(at.online(), 1),
        node(at.state(), INITIALISING),
        node(at.protocol(), PROTOCOL),
    ]
}
