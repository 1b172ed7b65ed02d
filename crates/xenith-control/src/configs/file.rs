//! The files of stored configs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xenith_api::latest::DomainConfig;

/// The form that is written.
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    config: DomainConfig,
}

#[derive(Serialize)]
struct Written<'c> {
    version: u32,
    config: &'c DomainConfig,
}

/// Every config of the directory.
pub(super) fn load(dir: &Path) -> io::Result<Vec<DomainConfig>> {
    fs::create_dir_all(dir)?;
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        match read(&path) {
            Ok(config) => all.push(config),
            Err(fault) => tracing::error!("config {}: {fault}; it is left as it is, and not used", path.display()),
        }
    }
    Ok(all)
}

fn read(path: &Path) -> Result<DomainConfig, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let read: Read = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    match read.config {
        _ if read.version != VERSION => Err(format!("its form is version {}, and {VERSION} is understood", read.version)),
        config if config.name != name => Err(format!("it holds the config of {}", config.name)),
        config if config.uuid.is_none() => Err("it has no uuid".to_owned()),
        config => Ok(config),
    }
}

/// The config is whole on the disk, or what was there before.
pub(super) fn write(dir: &Path, config: &DomainConfig) -> io::Result<()> {
    let beside = dir.join(format!("{}.new", config.name));
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(&Written { version: VERSION, config })?)?;
    file.sync_all()?;
    fs::rename(beside, path(dir, &config.name))?;
    File::open(dir)?.sync_all()
}

pub(super) fn remove(dir: &Path, name: &str) -> io::Result<()> {
    fs::remove_file(path(dir, name))?;
    File::open(dir)?.sync_all()
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.json"))
}
