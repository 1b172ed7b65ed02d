//! Where `xenstore-control log` and `memreport` write.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

/// The log of the protocol: a file if one was named and can be opened, else the daemon's own log.
#[derive(Debug, Default)]
pub(super) struct ProtocolLog(Option<File>);

impl ProtocolLog {
    /// Lines go to this file from now on.
    pub fn open(&mut self, path: &str) {
        self.0 = append(path);
    }

    pub fn line(&mut self, line: &str) {
        let written = self.0.as_mut().map(|file| writeln!(file, "{line}"));
        match written {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::warn!("store: cannot write the log of the protocol: {error}; it goes on here");
                self.0 = None;
                tracing::info!("store: {line}");
            }
            None => tracing::info!("store: {line}"),
        }
    }
}

/// Appends a report to a file, or writes it into the daemon's own log.
pub(super) fn report(file: Option<&str>, report: &str) {
    let written = file.and_then(append).map(|mut file| file.write_all(report.as_bytes()));
    match written {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::warn!("store: cannot write the report of memory: {error}"),
        None => report.lines().for_each(|line| tracing::info!("{line}")),
    }
}

fn append(path: &str) -> Option<File> {
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    opened.inspect_err(|error| tracing::warn!("store: cannot open {path}: {error}")).ok()
}
