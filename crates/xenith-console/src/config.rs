//! What an administrator can set.

use std::path::PathBuf;

use crate::allowance::Rate;

/// The console role's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where logs are kept: `NAME.log` and `NAME.log.1` per console, both readable by root alone.
    pub log_dir: PathBuf,
    /// How long `NAME.log` may grow in bytes before it becomes `NAME.log.1`; a console's logs take at most twice this.
    pub log_max_bytes: u64,
    /// The socket where viewers attach; see [`crate::serve::protocol`].
    pub socket: PathBuf,
    /// The store's socket.
    pub store_socket: PathBuf,
    /// How many bytes a viewer sees on attach, and may fall behind before some are skipped.
    pub replay_bytes: usize,
    /// How much one console may say; beyond that its guest waits.
    pub rate: Rate,
}

impl Default for Config {
    /// 1 MiB per log file, 64 KiB of replay, 1 MiB/s per console with bursts of 256 KiB.
    fn default() -> Self {
        Config {
            log_dir: PathBuf::from("/var/log/xenith/console"),
            log_max_bytes: 1 << 20,
            socket: PathBuf::from("/run/xenith/console.sock"),
            store_socket: PathBuf::from("/run/xenstored/socket"),
            replay_bytes: 64 << 10,
            rate: Rate { bytes_per_second: 1 << 20, burst_bytes: 256 << 10 },
        }
    }
}
