//! Shutdown: of another domain by dom0, of itself by a guest.

use xen_abi::hypercall::sched as abi;
use xen_abi::{DomId, Errno};

use super::{Answer, Caller, Image, Record, not_simulated};
use crate::xen::Xen;

/// `SCHEDOP_yield` (public/sched.h).
const YIELD: u32 = 0;
/// `SCHEDOP_shutdown` (public/sched.h); its argument is the reason, a u32.
const SHUTDOWN: u32 = 2;

pub(super) fn run(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let command = image.word(0) as u32;
    match command {
        YIELD => {}
        SHUTDOWN => {
            let reason = image.read(image.required(1)?, 0, 4)?.first().copied().unwrap_or(0);
            xen.shutdown_domain(caller.domid, reason);
        }
        abi::REMOTE_SHUTDOWN => {
            let size = abi::RECORD.size(&xen.release).map_err(|_| Errno::EFAULT)?;
            let record = Record::load(image, &xen.release, image.required(1)?, size, 0)?;
            let domid = DomId(record.get(&abi::DOMAIN_ID)? as u16);
            xen.domain(domid)?;
            caller.privileged()?;
            xen.shutdown_domain(domid, record.get_u32(&abi::REASON)? as u8);
        }
        // block, poll, watchdog, pin_override
        1 | 3 | 5..=7 => return not_simulated("sched operation", command),
        _ => return Err(Errno::ENOSYS.into()),
    }
    Ok(0)
}
