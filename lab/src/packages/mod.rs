//! Debian packages of other suites, without touching the host's own package database.
//!
//! ```text
//!  the host's apt sources --> mirror --> one private apt per suite --> packages/SUITE/*.deb + manifest.json
//!                                        (lists, no status)                |  dpkg-deb | tar
//!                                                                          v
//!                                                                    picked files
//! ```

mod apt;
mod manifest;
mod mirror;
mod unpack;

pub use apt::{Gone, Suite};
pub use manifest::{Manifest, Package};
pub use mirror::{Mirror, find as find_mirror};
pub use unpack::unpack;
