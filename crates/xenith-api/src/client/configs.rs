//! Stored configs.

use super::{Client, Exchange, PATIENCE_SECONDS, decode, path};
use crate::v1::{CreateResponse, DomainConfig, Problem, StartRequest, StoredConfig, routes};

/// Which version a change is made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version<'v> {
    /// None is stored yet.
    None,
    /// The one with this ETag.
    Of(&'v str),
    /// Whatever is stored.
    Any,
}

impl<E: Exchange> Client<E> {
    /// Every stored config.
    pub fn configs(&self) -> Result<Vec<StoredConfig>, Problem> {
        self.get(routes::CONFIGS.path)
    }

    /// One stored config.
    pub fn config(&self, name: &str) -> Result<StoredConfig, Problem> {
        self.get(&path(routes::CONFIG, name))
    }

    /// Stores a config, where what is stored is still that version.
    pub fn store_config(&self, config: &DomainConfig, version: Version<'_>) -> Result<StoredConfig, Problem> {
        let header = match version {
            Version::None => ("if-none-match", "*"),
            Version::Of(etag) => ("if-match", etag),
            Version::Any => ("if-match", "*"),
        };
        let (_, body) = self.call_with(routes::STORE_CONFIG.method, &path(routes::STORE_CONFIG, &config.name), &[header], Some(config))?;
        decode(&body)
    }

    /// Removes a stored config, where it is still that version; any where none is named.
    pub fn remove_config(&self, name: &str, etag: Option<&str>) -> Result<(), Problem> {
        let headers: Vec<_> = etag.map(|etag| ("if-match", etag)).into_iter().collect();
        self.call_with::<()>(routes::REMOVE_CONFIG.method, &path(routes::REMOVE_CONFIG, name), &headers, None).map(drop)
    }

    /// Creates the domain of a stored config.
    pub fn start(&self, name: &str, request: StartRequest) -> Result<CreateResponse, Problem> {
        let path = format!("{}?wait={PATIENCE_SECONDS}", path(routes::START, name));
        let (status, body) = self.call_for(routes::START.method, &path, Some(&request))?;
        self.created(status, &body)
    }
}
