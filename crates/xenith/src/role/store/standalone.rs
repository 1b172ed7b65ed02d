//! `xenith store --standalone DIR`: the role without Xen and without root.

use std::os::fd::AsFd;
use std::path::Path;

use tracing::level_filters::LevelFilter;
use xenith_api::latest::{Code, Problem};
use xenith_store::standalone::{FileChannels, seams};
use xenith_store::{BootNodes, Config, StoreError, serve as serve_store};

use super::problem;
use crate::{logging, signals};

/// Serves until it is asked to end.
pub(super) fn serve(directory: &Path, level: LevelFilter) -> Result<(), Problem> {
    logging::begin("store", level);
    let end = signals::end_of_role()?;
    std::fs::create_dir_all(directory).map_err(|error| unusable(format!("cannot make {}: {error}", directory.display())))?;
    let config = Config {
        socket: directory.join("socket"),
        pid_file: None,
        nodes: BootNodes::default(),
        words: vec!["--standalone".to_owned(), directory.display().to_string()],
    };
    let seams = || -> Result<_, StoreError> {
        let channels = FileChannels::bind(directory)?;
        Ok(Some(seams(directory, channels, |file, length| xen_sys::map_file(file, 0, length))))
    };
    serve_store(&config, seams, end.as_fd()).map_err(|error| match error {
        // Every file of a store without Xen is in its directory.
        StoreError::File { .. } => unusable(error.to_string()),
        other => problem(&other),
    })
}

/// Whoever named the directory can name another one.
fn unusable(title: String) -> Problem {
    Problem::new(Code::BadRequest, "role store", title, "name a directory that you can write, by a path of less than 100 bytes")
}
