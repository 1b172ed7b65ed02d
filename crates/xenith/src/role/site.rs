//! Where the roles of a host have their files, and how much they log.

use std::path::PathBuf;
use std::process::Command;

use tracing::level_filters::LevelFilter;
use xenith_api::latest::domain::{memory_from_text, memory_to_text};

use super::Role;
use crate::context::Context;
use crate::logging;

/// What the roles take, over what every word takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Roles")]
pub struct Options {
    /// The store's socket
    #[arg(long, value_name = "PATH", default_value = "/run/xenstored/socket")]
    store_socket: PathBuf,
    /// Where consoles are logged
    #[arg(long, value_name = "DIR", default_value = "/var/log/xenith")]
    log_dir: PathBuf,
    /// Where unpacked kernels are kept for the next create
    #[arg(long, value_name = "DIR", default_value = "/var/cache/xenith")]
    cache_dir: PathBuf,
    /// Where events, stored configs, crash reports and core dumps are kept
    #[arg(long, value_name = "DIR", default_value = "/var/lib/xenith")]
    state_dir: PathBuf,
    /// How much data a core dump may hold; pages of zeroes take no room
    #[arg(long, value_name = "SIZE", default_value = "64GiB", value_parser = memory_from_text)]
    dump_limit: u64,
    /// How much to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = logging::level)]
    log_level: LevelFilter,
}

/// A host's places.
#[derive(Clone, Debug)]
pub struct Site {
    /// The API's socket.
    pub socket: PathBuf,
    /// Sockets, locks, journal.
    pub run_dir: PathBuf,
    /// The store's socket.
    pub store_socket: PathBuf,
    /// Consoles' logs.
    pub log_dir: PathBuf,
    /// Unpacked kernels.
    pub cache_dir: PathBuf,
    /// Events.
    pub state_dir: PathBuf,
    /// How much data a core dump may hold, in KiB.
    pub dump_limit_kib: u64,
    /// How much to log.
    pub log_level: LevelFilter,
}

impl Options {
    /// The places that these options name.
    pub fn site(&self, context: &Context) -> Site {
        Site {
            socket: context.socket.clone(),
            run_dir: context.run_dir.clone(),
            store_socket: self.store_socket.clone(),
            log_dir: self.log_dir.clone(),
            cache_dir: self.cache_dir.clone(),
            state_dir: self.state_dir.clone(),
            dump_limit_kib: self.dump_limit,
            log_level: self.log_level,
        }
    }
}

impl Site {
    /// The socket that takes connections once the role is ready.
    pub fn socket_of(&self, role: Role) -> PathBuf {
        match role {
            Role::Store => self.store_socket.clone(),
            Role::Console => self.run_dir.join("console.sock"),
            Role::Control => self.socket.clone(),
        }
    }

    /// Gives a role's command the same places.
    pub fn tell(&self, command: &mut Command) {
        command.arg("--socket").arg(&self.socket).arg("--run-dir").arg(&self.run_dir);
        command.arg("--store-socket").arg(&self.store_socket).arg("--log-dir").arg(&self.log_dir);
        command.arg("--state-dir").arg(&self.state_dir).arg("--dump-limit").arg(memory_to_text(self.dump_limit_kib));
        command.arg("--cache-dir").arg(&self.cache_dir).arg("--log-level").arg(self.log_level.to_string());
    }
}
