//! What the stages share: built once, by the first stage that needs it.

use anyhow::{Context, Result};
use lab::release::RELEASES;
use lab::{Choice, Lab, Progress};

use crate::stories::{self, Binaries};
use crate::workspace::{self, Workspace};

/// The workspace, the lab and the binaries under test.
pub struct House {
    /// Where things are.
    pub workspace: Workspace,
    /// What tells a person how far it is.
    pub progress: Progress,
    /// What the lab stage boots.
    pub choices: Vec<Choice>,
    lab: Option<Lab>,
    binaries: Option<Binaries>,
}

impl House {
    /// Nothing built yet. Without a name, every release of the lab is meant.
    pub fn new(xen: &[String]) -> Result<Self> {
        let choices = match xen {
            [] => RELEASES.into_iter().map(Choice::Release).collect(),
            names => names.iter().map(|name| Choice::parse(name)).collect::<Result<_>>()?,
        };
        Ok(Self { workspace: workspace::find()?, progress: Progress::lines(), choices, lab: None, binaries: None })
    }

    /// The lab, opened once.
    pub fn lab(&mut self) -> Result<()> {
        if self.lab.is_none() {
            self.lab = Some(Lab::open(&self.progress)?);
        }
        Ok(())
    }

    /// The static binaries, built once, so that every release gets the same file.
    pub fn binaries(&mut self) -> Result<&Binaries> {
        if self.binaries.is_none() {
            self.binaries = Some(stories::build()?);
        }
        self.binaries.as_ref().context("no binaries")
    }

    /// Both, for a stage in the lab.
    pub fn lab_and_binaries(&mut self) -> Result<(&Lab, &Binaries)> {
        self.lab()?;
        self.binaries()?;
        Ok((self.lab.as_ref().context("no lab")?, self.binaries.as_ref().context("no binaries")?))
    }
}
