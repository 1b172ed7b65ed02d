//! Event channel operations that come as hypercalls: the toolstack makes, looks at and closes ports. Binding goes by the device node.

use xen_abi::hypercall::evtchn as abi;
use xen_abi::{Errno, Port};

use super::{Answer, Caller, Image, Record, not_simulated};
use crate::evtchn::{Binding, Listener};
use crate::xen::Xen;

/// `EVTCHNSTAT_virq` (public/event_channel.h).
const STATUS_VIRQ: u32 = 4;

pub(super) fn run(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let command = image.word(0) as u32;
    match command {
        abi::ALLOC_UNBOUND => alloc(xen, caller, image),
        abi::CLOSE => {
            let record = argument(xen, image, &abi::CLOSE_RECORD)?;
            xen.close_port(caller.domid, Port(record.get_u32(&abi::CLOSE_PORT)?))?;
            Ok(0)
        }
        abi::STATUS => status(xen, caller, image),
        0..=14 => not_simulated("event channel operation", command),
        _ => Err(Errno::ENOSYS.into()),
    }
}

fn argument(xen: &Xen, image: &Image<'_>, layout: &xen_abi::record::Record) -> Result<Record, Errno> {
    let size = layout.size(&xen.release).map_err(|_| Errno::EFAULT)?;
    Record::load(image, &xen.release, image.required(1)?, size, 0)
}

fn alloc(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let mut record = argument(xen, image, &abi::ALLOC_RECORD)?;
    let domid = Xen::resolve(caller.domid, record.get(&abi::ALLOC_DOM)?);
    let remote = Xen::resolve(caller.domid, record.get(&abi::ALLOC_REMOTE)?);
    xen.domain(domid)?;
    caller.may_act_on(domid)?;
    let port = xen.alloc_unbound(domid, remote, Listener::Kernel)?;
    record.put(&abi::ALLOC_PORT, port.0.into())?;
    record.store(image)?;
    Ok(0)
}

fn status(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let mut record = argument(xen, image, &abi::STATUS_RECORD)?;
    let domid = Xen::resolve(caller.domid, record.get(&abi::STATUS_DOM)?);
    let domain = xen.domain(domid)?;
    caller.may_act_on(domid)?;
    let port = Port(record.get_u32(&abi::STATUS_PORT)?);
    let status = match domain.ports.get(port).map(|channel| channel.binding) {
        None if port.0 > domain.birth.max_evtchn_port => return Err(Errno::EINVAL.into()),
        None => abi::STATUS_CLOSED,
        Some(Binding::Unbound { remote }) => {
            record.put(&abi::STATUS_UNBOUND_DOM, remote.0.into())?;
            abi::STATUS_UNBOUND
        }
        Some(Binding::Interdomain { remote, port }) => {
            record.put(&abi::STATUS_PEER_DOM, remote.0.into())?;
            record.put(&abi::STATUS_PEER_PORT, port.0.into())?;
            abi::STATUS_INTERDOMAIN
        }
        Some(Binding::Virq { virq }) => {
            record.put_bytes(16, &virq.to_le_bytes())?;
            STATUS_VIRQ
        }
    };
    record.put(&abi::STATUS_STATUS, status.into())?;
    record.put(&abi::STATUS_VCPU, 0)?;
    record.store(image)?;
    Ok(0)
}
