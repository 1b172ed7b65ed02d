//! `xenith store --standalone DIR`: the role without Xen and without root.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use xen_abi::Port;
use xen_hv::EventChannels;
use xenith_api::latest::{Code, Problem};
use xenith_store::standalone::{FileChannels, FileDomains};
use xenith_store::{Claims, Config, Host, StoreError, Told, serve as serve_store};

use super::{PAGES, launch, problem};
use crate::{logging, signals};

/// The port of dom0's kernel: any will do.
const DOM0_PORT: Port = Port(1);

/// Serves until it is asked to end.
pub(super) fn serve(directory: &Path, level: LevelFilter) -> Result<(), Problem> {
    logging::begin("store", level);
    let told = signals::end_or_update()?;
    std::fs::create_dir_all(directory).map_err(|error| unusable(format!("cannot make {}: {error}", directory.display())))?;
    let told = Told { end: told.end.as_fd(), update: told.update.as_fd() };
    let host = || host(directory, FileChannels::bind(directory)?);
    serve_store(config(directory), host, launch::workers(Some(directory.to_owned()), level), told).map_err(|error| match error {
        // Every file of a store without Xen is in its directory.
        StoreError::File { .. } => unusable(error.to_string()),
        other => problem(&other),
    })
}

/// Where everything is in a directory.
pub(super) fn config(directory: &Path) -> Config {
    Config {
        socket: directory.join("socket"),
        image: directory.join("image"),
        pid_file: None,
        words: vec!["--standalone".to_owned(), directory.display().to_string()],
    }
}

/// What stands for a host.
pub(super) fn host(directory: &Path, channels: FileChannels) -> Result<Host, StoreError> {
    let events: Arc<dyn EventChannels> = Arc::new(channels);
    let dom0 = directory.join("ring.0").exists().then_some(DOM0_PORT);
    let claims = Claims::make(&*events, dom0)?;
    Ok(Host { events, claims, domains: Box::new(FileDomains::new(directory)), pages: PAGES })
}

/// Whoever named the directory can name another one.
fn unusable(title: String) -> Problem {
    Problem::new(Code::BadRequest, "role store", title, "name a directory that you can write, by a path of less than 100 bytes")
}
