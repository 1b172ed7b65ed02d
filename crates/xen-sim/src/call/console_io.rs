//! Lines that domains write to Xen's own console (`CONSOLEIO_write`, public/xen.h).

use xen_abi::Errno;

use super::{Answer, Caller, Image};
use crate::xen::Xen;

/// `CONSOLEIO_write`.
const WRITE: u64 = 0;
/// `CONSOLEIO_read`.
const READ: u64 = 1;

pub(super) fn run(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    match image.word(0) {
        WRITE => {
            // Release builds let dom0 alone write (xen/include/xsm/dummy.h, xsm_console_io).
            caller.privileged()?;
            let length = image.word(1) as u32 as usize;
            let text = image.read(image.required(2)?, 0, length)?.to_vec();
            xen.console.put(&text);
            Ok(0)
        }
        READ => caller.privileged().map(|()| 0).map_err(Into::into),
        _ => Err(Errno::ENOSYS.into()),
    }
}
