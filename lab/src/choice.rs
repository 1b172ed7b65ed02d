//! Which hypervisor a person named.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::release::{RELEASES, Release};

/// Which hypervisor to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A release that a Debian suite carries.
    Release(Release),
    /// Any hypervisor image, compressed with gzip or not.
    Image(PathBuf),
}

impl Choice {
    /// `4.17`, or the path of an image.
    ///
    /// # Errors
    /// When the text is neither a known release nor a file.
    pub fn parse(text: &str) -> Result<Self> {
        match (Release::named(text), Path::new(text)) {
            (Some(release), _) => Ok(Self::Release(release)),
            (None, path) if path.is_file() => Ok(Self::Image(path.to_owned())),
            _ => {
                let known: Vec<&str> = RELEASES.iter().map(|release| release.name).collect();
                bail!("--xen {text}: neither one of {} nor the file of a hypervisor", known.join(", "))
            }
        }
    }

    /// What messages call it.
    pub fn name(&self) -> String {
        match self {
            Self::Release(release) => release.name.to_owned(),
            Self::Image(path) => path.display().to_string(),
        }
    }
}
