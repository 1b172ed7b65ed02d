//! Control of the host: the header, the right, then the operation.

mod console;
mod cpupool;
mod list;
mod physinfo;
mod policy;

use xen_abi::hypercall::sysctl::{self as abi, sched_id};
use xen_abi::{Errno, Release};

use super::{Answer, Caller, Image, Record, not_simulated};
use crate::xen::Xen;

/// A sysctl being answered.
pub(crate) struct Sysctl<'a> {
    pub(crate) record: Record,
    pub(crate) image: &'a mut Image<'a>,
}

/// The highest operation that x86 has.
const HIGHEST: u32 = 29;
/// Numbers below that are not there: tmem, and set_parameter which 4.14 dropped.
const ABSENT: [u32; 4] = [0, 13, 24, 28];
/// `XEN_SYSCTL_get_cpu_levelling_caps` (public/sysctl.h), which 4.22 dropped.
const LEVELLING: u32 = 25;

pub(super) fn run(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let release = xen.release;
    let size = abi::SYSCTL_RECORD.size(&release).map_err(|_| Errno::EFAULT)?;
    let record = Record::load(image, &release, image.required(0)?, size, abi::BODY_OFFSET)?;
    if record.header(&abi::INTERFACE_VERSION)? != u64::from(release.sysctl) {
        return Err(Errno::EACCES.into());
    }
    caller.privileged()?;
    let command = record.header(&abi::CMD)? as u32;
    let mut image = Image { words: image.words.clone(), buffers: image.buffers, patches: image.patches };
    let mut op = Sysctl { record, image: &mut image };
    match command {
        abi::READCONSOLE => console::run(xen, op),
        abi::PHYSINFO => physinfo::run(xen, op),
        abi::SCHED_ID => {
            op.record.put(&sched_id::ID, sched_id::CREDIT2.into())?;
            op.copy_back()
        }
        abi::GETDOMAININFOLIST => list::run(xen, op),
        abi::CPUPOOL_OP => cpupool::run(xen, op),
        abi::GET_CPU_POLICY => policy::run(xen, op),
        _ if command > HIGHEST || ABSENT.contains(&command) => Err(Errno::ENOSYS.into()),
        LEVELLING if xen.since(Release::V4_22) => Err(Errno::ENOSYS.into()),
        _ => not_simulated("sysctl", command),
    }
}

impl Sysctl<'_> {
    /// Copies the structure back and answers zero.
    fn copy_back(self) -> Answer {
        self.record.store(self.image)?;
        Ok(0)
    }
}
