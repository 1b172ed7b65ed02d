//! Making what is stored and what runs agree with a config: does what is missing, and nothing the second time.
//!
//! ```text
//!   wanted --- stored? --no-------> store it ------ runs? --no--> start it
//!                 \--other version--> change it        \--yes, from something else--> pending: counts from its next start on
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Client, Exchange, Version};
use crate::difference;
use crate::v1::{Code, CreateRequest, Difference, Domain, DomainConfig, Problem, StartRequest};

/// How a config is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apply {
    /// Tell what would be done, and do nothing.
    pub dry_run: bool,
    /// Store only: what does not run is not started.
    pub store_only: bool,
}

/// What applying a config did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Applied {
    /// The domain's name.
    pub name: String,
    /// What became of the stored config.
    pub stored: Stored,
    /// Where the stored config was another, key by key.
    pub differences: Vec<Difference>,
    /// The domain was started.
    pub started: bool,
    /// The domain runs with another config: this one counts from its next start on.
    pub pending: bool,
}

/// What became of a stored config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// It is the first of its name.
    New,
    /// It was another.
    Changed,
    /// It was this one already.
    Same,
}

impl Applied {
    /// Whether there was nothing to do.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.stored == Stored::Same && !self.started
    }
}

impl<E: Exchange> Client<E> {
    /// Stores the config where it is not stored yet, and starts its domain where it does not run.
    pub fn apply(&self, config: &DomainConfig, how: Apply) -> Result<Applied, Problem> {
        let old = there(self.config(&config.name), Code::ConfigNotFound)?;
        let runs = there(self.domain(&config.name), Code::DomainNotFound)?;
        let differences = old.as_ref().map_or_else(Vec::new, |old| difference::between(&old.config, config));
        let (stored, version) = match &old {
            None => (Stored::New, Version::None),
            Some(old) if differences.is_empty() => (Stored::Same, Version::Of(&old.etag)),
            Some(old) => (Stored::Changed, Version::Of(&old.etag)),
        };
        let applied = Applied {
            name: config.name.clone(),
            stored,
            differences,
            started: runs.is_none() && !how.store_only,
            pending: runs.as_ref().is_some_and(|domain| runs_from_another(domain, config)),
        };
        self.carry_out(config, how, &applied, version)?;
        Ok(applied)
    }

    fn carry_out(&self, config: &DomainConfig, how: Apply, applied: &Applied, version: Version<'_>) -> Result<(), Problem> {
        if how.dry_run {
            // Whatever would be refused is refused now.
            let request = CreateRequest { config: config.clone(), paused: false, dry_run: true };
            return if applied.started { self.create(&request).map(drop) } else { Ok(()) };
        }
        if applied.stored != Stored::Same {
            self.store_config(config, version)?;
        }
        if applied.started {
            self.start(&config.name, StartRequest::default())?;
        }
        Ok(())
    }
}

fn runs_from_another(domain: &Domain, config: &DomainConfig) -> bool {
    domain.config.as_ref().is_some_and(|runs| {
        let runs = DomainConfig { uuid: Some(domain.uuid), ..runs.clone() };
        !difference::between(&runs, config).is_empty()
    })
}

/// None where it is said that there is none.
fn there<T>(asked: Result<T, Problem>, none: Code) -> Result<Option<T>, Problem> {
    match asked {
        Ok(one) => Ok(Some(one)),
        Err(problem) if problem.code == none => Ok(None),
        Err(problem) => Err(problem),
    }
}
