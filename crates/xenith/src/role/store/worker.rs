//! `xenith store --worker`: what the keeper starts. Its ends are standard input and output; everything else comes by them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use xen_hv::Dom0StoreRing;
use xen_sys::{Evtchn, Gntdev, XenfsStoreRing};
use xenith_api::latest::{Code, Problem};
use xenith_store::confine::{FALLBACK, User};
use xenith_store::pair::{Channel, Questions};
use xenith_store::standalone::{FileChannels, FilePages};
use xenith_store::{BootNodes, Means, Opened, work as work_for};

use super::{PAGES, XENFS, problem};
use crate::{logging, signals};

/// The name of the user that it becomes where the host has one.
const USER: &str = "xenith-store";
/// How the kernel names the process.
const NAME: &std::ffi::CStr = c"xenith-worker";

/// Serves until the keeper says that it is time to end, or is gone.
pub(super) fn work(standalone: Option<&Path>, level: LevelFilter) -> Result<(), Problem> {
    logging::begin("store", level);
    let _ = rustix::thread::set_name(NAME);
    signals::ignore()?;
    let channel = Channel::adopt(end(rustix::stdio::stdin())?);
    let questions = Questions::adopt(end(rustix::stdio::stdout())?);
    let means = match standalone {
        Some(directory) => without_xen(directory.to_owned()),
        None => with_xen(),
    };
    work_for(&channel, questions, means).map_err(|error| problem(&error))
}

fn end(descriptor: BorrowedFd<'_>) -> Result<OwnedFd, Problem> {
    let is_socket = rustix::fs::fstat(descriptor.as_fd())
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Socket);
    let taken = is_socket.then(|| rustix::io::fcntl_dupfd_cloexec(descriptor, 3).ok()).flatten();
    taken.ok_or_else(|| {
        let title = "role store: --worker is how the store starts a part of itself";
        Problem::new(Code::BadRequest, "role store", title, "run `xenith store` without it")
    })
}

fn with_xen() -> Means {
    Means {
        open: Box::new(|_| {
            let (dom0, _) = XenfsStoreRing::at(Path::new(XENFS)).open()?;
            // Builders seed grant 1 since Xen 4.2: the store needs no right to map whatever it likes.
            Ok(Opened { grants: Arc::new(Gntdev::open()?), foreign: None, dom0: Some(dom0) })
        }),
        channels: Box::new(|events| Ok(Arc::new(Evtchn::adopt(events)?))),
        pages: PAGES,
        mail: |file, from, length| xen_sys::socket_mail(file, from as u64, length),
        nodes: BootNodes::default(),
        confine: Some(Some(user())),
    }
}

fn without_xen(directory: PathBuf) -> Means {
    let has_dom0 = directory.join("ring.0").exists();
    Means {
        open: Box::new(move |questions| {
            let pages = FilePages::new(questions.clone(), PAGES);
            let dom0 = if has_dom0 { Some(pages.open()?.0) } else { None };
            Ok(Opened { grants: Arc::new(pages), foreign: None, dom0 })
        }),
        channels: Box::new(move |events| Ok(Arc::new(FileChannels::adopt(&directory, events)?))),
        pages: PAGES,
        mail: |file, from, length| xen_sys::socket_mail(file, from as u64, length),
        nodes: BootNodes::default(),
        confine: Some(None),
    }
}

/// The user of that name, or a number that belongs to nobody.
fn user() -> User {
    let named = |line: &str| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (name == USER).then_some(User { uid, gid })
    };
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    passwd.lines().find_map(named).unwrap_or(FALLBACK)
}
