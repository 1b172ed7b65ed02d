//! What to do in dom0: a script, the files it needs, and what the boot around it looks like.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::image::Archive;
use crate::machine::{self, Mode};

/// One piece of work for one boot.
#[derive(Debug, Clone)]
pub struct Job {
    /// A shell script that runs without a person; its lines come back as reports.
    pub script: Option<String>,
    /// A shell script that has the terminal when there is a person, after the other one. Looked at by [`crate::Lab::shell`] only.
    pub session: String,
    /// Files for dom0: place there, place here, permission bits.
    pub files: Vec<(String, PathBuf, u32)>,
    /// Whether the stock tools of the release are in dom0; `/lab/stock-start` starts their daemons.
    pub stock_tools: bool,
    /// How the machine keeps time.
    pub mode: Mode,
    /// Where the files that the script leaves in `/lab/out` go.
    pub files_back: Option<PathBuf>,
    /// Words added to Xen's command line.
    pub xen_arguments: String,
    /// Words added to dom0's command line.
    pub dom0_arguments: String,
    /// Where everything the machine says is written.
    pub log: PathBuf,
    /// How long the machine may run, wall time.
    pub timeout: Duration,
}

impl Job {
    /// A job without script or extras, in steady time, half an hour long.
    pub fn new(log: PathBuf) -> Self {
        Self {
            script: None,
            session: "exec sh -l\n".to_owned(),
            files: Vec::new(),
            stock_tools: false,
            mode: Mode::Steady,
            files_back: None,
            xen_arguments: String::new(),
            dom0_arguments: String::new(),
            log,
            timeout: Duration::from_secs(1800),
        }
    }

    /// The part of dom0's initramfs that is this job's own.
    pub(crate) fn overlay(&self, person: bool) -> Result<Archive> {
        let mut archive = Archive::new();
        if let Some(script) = &self.script {
            archive.file("lab/script", 0o755, script.as_bytes())?;
        }
        if person {
            archive.file("lab/terminal", 0o644, machine::terminal_size().as_bytes())?;
            archive.file("lab/session", 0o755, self.session.as_bytes())?;
        }
        for (place, source, permissions) in &self.files {
            let bytes = fs::read(source).with_context(|| format!("read {}", source.display()))?;
            archive.file(place, *permissions, &bytes)?;
        }
        Ok(archive)
    }
}
