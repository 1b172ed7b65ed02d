//! Writes a domain's memory and registers to a file, which has its name once it is whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use uuid::Uuid;
use xen_abi::DomId;
use xen_abi::hypercall::version::raw::RawVersion;
use xen_guest::core_dump::{self, Dumped, Head};

use super::Doing;
use crate::domain;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Writes the dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteCore {
    /// Whose.
    pub uuid: Uuid,
    /// Its number.
    pub domid: DomId,
    /// Where to.
    pub path: PathBuf,
    /// How much data it may hold, in bytes.
    pub limit_bytes: u64,
}

impl Doing for WriteCore {
    fn text(&self) -> String {
        format!("write the core dump {}", self.path.display())
    }

    fn undo_text(&self) -> String {
        "remove the core dump".to_owned()
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        let info = domain::find(world, self.uuid, Some(self.domid))?.ok_or(Fault::Gone)?;
        let head = head(world, self.domid, info.max_vcpu_id)?;
        let dumped = self.write(world, &head)?;
        if let Some(dump) = &world.dump {
            *dump.written.lock().unwrap_or_else(PoisonError::into_inner) = Some(dumped);
        }
        Ok(())
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        for path in [begun(&self.path), self.path.clone()] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Fault::Dump(error.into())),
                _ => {}
            }
        }
        Ok(())
    }
}

impl WriteCore {
    fn write(&self, world: &World, head: &Head) -> Result<Dumped, Fault> {
        let begun = begun(&self.path);
        let file = create(&begun).map_err(|error| Fault::Dump(error.into()))?;
        let highest = world.xen.maximum_gpfn(self.domid)?;
        let watch = |frames: u64, of: u64| world.dump.as_ref().is_none_or(|dump| (dump.watch)(frames, of));
        let written =
            core_dump::write(&*world.memory, (self.domid, highest), head, self.limit_bytes, &file, &watch).map_err(Fault::Dump)?;
        fs::rename(begun, &self.path).map_err(|error| Fault::Dump(error.into()))?;
        Ok(written)
    }
}

/// What a file is called until it is whole.
fn begun(path: &Path) -> PathBuf {
    path.with_extension("part")
}

/// A guest's memory is nobody else's to read.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn head(world: &World, domid: DomId, highest_vcpu: Option<u32>) -> Result<Head, Fault> {
    let version = world.xen.version_info()?.version;
    let answers = RawVersion::ALL.iter().map(|which| world.xen.raw_version(*which)).collect::<Result<_, _>>()?;
    let mut contexts = Vec::new();
    for vcpu in 0..highest_vcpu.map_or(0, |highest| highest + 1) {
        contexts.extend(world.xen.vcpu_context(domid, vcpu)?);
    }
    Ok(Head { version: (version.major, version.minor), answers, contexts })
}
