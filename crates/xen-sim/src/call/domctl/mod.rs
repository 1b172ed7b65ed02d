//! Control of domains: the header, the domain, the right, then the operation.

mod createdomain;
mod getdomaininfo;
mod hvmcontext;
mod lifecycle;
mod paging_pool;
mod policy;
mod state;
mod vcpucontext;

use xen_abi::hypercall::domctl as abi;
use xen_abi::{DomId, Errno, Release};

use super::{Answer, Caller, Image, Record, not_simulated};
use crate::xen::Xen;
pub(crate) use getdomaininfo::describe;

/// A domctl being answered.
pub(crate) struct Domctl<'a> {
    pub(crate) caller: Caller,
    /// The domain of the header, which exists unless the operation says otherwise.
    pub(crate) domid: DomId,
    pub(crate) record: Record,
    pub(crate) image: &'a mut Image<'a>,
}

/// Operations of public/domctl.h that came late: number and first release.
const ARRIVALS: [(u32, Release); 7] = [
    (84, Release::V4_15),
    (85, Release::V4_17),
    (86, Release::V4_17),
    (87, Release::V4_19),
    (88, Release::V4_20),
    (89, Release::V4_20),
    (90, Release::V4_21),
];
/// The highest operation of any release.
const HIGHEST: u32 = 90;
/// Numbers below that no release of the table has, and those only for ARM or for debuggers, which answer ENOSYS here as well.
const ABSENT: [u32; 24] = [0, 6, 7, 8, 21, 23, 26, 30, 31, 32, 41, 44, 49, 51, 52, 53, 57, 58, 70, 71, 76, 80, 81, 87];

/// Whether the release knows the operation.
fn known(release: &Release, command: u32) -> bool {
    let arrived = ARRIVALS.iter().find(|(number, _)| *number == command).is_none_or(|(_, since)| since <= release);
    arrived && command <= HIGHEST && !ABSENT.contains(&command)
}

pub(super) fn run(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let release = xen.release;
    let size = abi::DOMCTL_RECORD.size(&release).map_err(|_| Errno::EFAULT)?;
    let record = Record::load(image, &release, image.required(0)?, size, abi::BODY_OFFSET)?;
    let command = record.header(&abi::CMD)? as u32;
    let stable = command == abi::GET_DOMAIN_STATE && xen.since(Release::V4_21);
    let interface = if stable { 0 } else { u64::from(release.domctl) };
    if record.header(&abi::INTERFACE_VERSION)? != interface {
        return Err(Errno::EACCES.into());
    }
    let domid = DomId(record.header(&abi::DOMAIN)? as u16);
    find(xen, caller, command, domid)?;
    caller.privileged()?;
    if !known(&release, command) {
        return Err(Errno::ENOSYS.into());
    }
    // One borrow for both: the operation lives no longer than this function.
    let mut image = Image { words: image.words.clone(), buffers: image.buffers, patches: image.patches };
    perform(xen, command, Domctl { caller: *caller, domid, record, image: &mut image })
}

/// `ESRCH` unless the domain exists or the operation needs none.
fn find(xen: &Xen, caller: &Caller, command: u32, domid: DomId) -> Result<(), Errno> {
    let needs_none = match command {
        abi::CREATEDOMAIN => true,
        abi::GETDOMAININFO => !xen.since(Release::V4_18),
        abi::GET_DOMAIN_STATE => xen.since(Release::V4_21) && domid == DomId::INVALID,
        _ => false,
    };
    if needs_none || xen.domains.contains_key(&domid) {
        return Ok(());
    }
    // 4.22 tells domains without the right nothing about which domains exist (xen/common/domctl.c).
    if xen.since(Release::V4_22) {
        caller.privileged()?
    }
    Err(Errno::ESRCH)
}

fn perform(xen: &mut Xen, command: u32, op: Domctl<'_>) -> Answer {
    match command {
        abi::CREATEDOMAIN => createdomain::run(xen, op),
        abi::DESTROYDOMAIN
        | abi::PAUSEDOMAIN
        | abi::UNPAUSEDOMAIN
        | abi::MAX_MEM
        | abi::MAX_VCPUS
        | abi::SETDOMAINHANDLE
        | abi::SETTSCINFO
        | abi::SOFT_RESET => lifecycle::run(xen, command, &op),
        abi::GETDOMAININFO => getdomaininfo::run(xen, op),
        abi::SHADOW_OP | abi::GET_PAGING_MEMPOOL_SIZE | abi::SET_PAGING_MEMPOOL_SIZE => paging_pool::run(xen, command, op),
        abi::GETHVMCONTEXT | abi::SETHVMCONTEXT | abi::GETHVMCONTEXT_PARTIAL => hvmcontext::run(xen, command, op),
        abi::GETVCPUCONTEXT => vcpucontext::run(xen, op),
        abi::GET_CPU_POLICY | abi::SET_CPU_POLICY => policy::run(xen, command, op),
        abi::GET_DOMAIN_STATE => state::run(xen, op),
        _ => not_simulated("domctl", command),
    }
}

impl Domctl<'_> {
    /// Copies the structure back and answers zero.
    fn copy_back(self) -> Answer {
        self.record.store(self.image)?;
        Ok(0)
    }
}
