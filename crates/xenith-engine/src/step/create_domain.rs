//! Makes an empty, paused domain under a handle that was chosen before, so that one whose number was never written down is found again.

use uuid::Uuid;
use xen_abi::DomId;
use xen_abi::hypercall::domctl::createdomain::{self, CreateFlags};

use super::Doing;
use crate::domain;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Event channels of a guest, as libxl gives them by default (`max_event_channels`).
const EVENT_CHANNELS: u32 = 1023;

/// Creates the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDomain {
    /// Its handle.
    pub uuid: Uuid,
    /// How many vcpus it may have.
    pub vcpus: u32,
    /// What kind of domain.
    pub flags: CreateFlags,
    /// The highest grant table version that the host offers.
    pub max_grant_version: u8,
    /// Its security label.
    pub ssidref: u32,
}

impl Doing for CreateDomain {
    fn text(&self) -> String {
        let CreateDomain { uuid, vcpus, flags, max_grant_version, ssidref } = self;
        let paging = if flags.0 & createdomain::CDF_HAP != 0 { "hap" } else { "shadow" };
        format!("create domain {uuid}: pvh, {paging}, vcpus {vcpus}, grant version {max_grant_version}, sid {ssidref}")
    }

    fn undo_text(&self) -> String {
        "destroy the domain".to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let domid = world.xen.create_domain(&self.request())?;
        progress.domid = Some(domid.0);
        Ok(())
    }

    fn undo(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        domain::destroy(world, self.uuid, progress.domid.map(DomId)).map(drop)
    }
}

impl CreateDomain {
    /// The step of an earlier daemon: good for its undo alone.
    pub(crate) fn find_again(uuid: Uuid, vcpus: u32) -> CreateDomain {
        CreateDomain { uuid, vcpus, flags: CreateFlags(0), max_grant_version: 0, ssidref: 0 }
    }

    fn request(&self) -> createdomain::CreateDomain {
        createdomain::CreateDomain {
            domid: DomId::ANY,
            handle: *self.uuid.as_bytes(),
            ssidref: self.ssidref,
            flags: self.flags,
            max_vcpus: self.vcpus,
            max_evtchn_port: EVENT_CHANNELS,
            max_grant_frames: None,
            max_maptrack_frames: None,
            max_grant_version: self.max_grant_version,
            cpupool: 0,
            emulation_flags: createdomain::X86_EMU_LAPIC,
            relaxed_msr: false,
        }
    }
}
