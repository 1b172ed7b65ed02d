//! The host.

use xen_abi::DomId;
use xen_abi::hypercall::domctl::getdomaininfo::DomainInfo;
use xen_abi::hypercall::sysctl::getdomaininfolist::GetDomainInfoList;
use xen_abi::hypercall::sysctl::physinfo::{GetPhysInfo, PhysInfo};
use xen_abi::hypercall::sysctl::readconsole::{CHUNK_MAX, ConsoleChunk, ReadConsole};
use xen_abi::hypercall::sysctl::sched_id::{GetSchedulerId, Scheduler};
use xen_abi::hypercall::version::raw::RawVersion;

use super::Xen;
use crate::error::Error;
use crate::stable;

use crate::stable::VersionInfo;

/// How many domains one call asks for. The array lies in memory that Xen can reach, 112 bytes each.
const LIST_CHUNK: usize = 256;

impl Xen {
    /// The host's CPUs, memory and what it can do.
    pub fn phys_info(&self) -> Result<PhysInfo, Error> {
        self.call(None, &GetPhysInfo)
    }

    /// The scheduler.
    pub fn scheduler(&self) -> Result<Scheduler, Error> {
        self.call(None, &GetSchedulerId)
    }

    /// The version and its texts, whole where the release can.
    pub fn version_info(&self) -> Result<VersionInfo, Error> {
        stable::version_info(&*self.hypercalls)
    }

    /// One answer about the version as the bytes it is.
    pub fn raw_version(&self, which: RawVersion) -> Result<Vec<u8>, Error> {
        self.call(None, &which)
    }

    /// Every domain, dying ones included, by number.
    pub fn domain_list(&self) -> Result<Vec<DomainInfo>, Error> {
        let mut domains: Vec<DomainInfo> = Vec::new();
        loop {
            let first = domains.last().map_or(0, |last| last.domid.0.saturating_add(1));
            let chunk = self.call(None, &GetDomainInfoList { first: DomId(first), max: LIST_CHUNK })?;
            let full = chunk.len() == LIST_CHUNK;
            domains.extend(chunk);
            if !full || domains.last().is_some_and(|last| !last.domid.is_ordinary()) {
                return Ok(domains);
            }
        }
    }

    /// A piece of Xen's own log, up to 16 KiB, from the index an earlier piece gave or from the oldest byte still there. An empty piece: no more yet.
    pub fn read_console(&self, from: Option<u32>) -> Result<ConsoleChunk, Error> {
        self.call(None, &ReadConsole { from })
    }

    /// Xen's own log, from the oldest byte still there: up to `most` bytes and the rest of a piece.
    pub fn console_log(&self, most: usize) -> Result<Vec<u8>, Error> {
        let mut log = Vec::new();
        let mut from = None;
        while log.len() < most {
            let chunk = self.read_console(from)?;
            log.extend_from_slice(&chunk.text);
            if chunk.text.len() < CHUNK_MAX {
                break;
            }
            from = Some(chunk.next_index);
        }
        Ok(log)
    }
}
