//! Domains that stock xl made: what they were made from, and who looks after them.
//!
//! ```text
//!   a domain of others --> libxl's record (config, or why it cannot be ours) --> keepers: does a process of its toolstack live?
//!                                                    yes: it alone acts when the domain stops <--/   \--> no: ours from now on
//!                                                      ^-- `xenith adopt` ends xl's monitor ----------------^
//! ```

mod keepers;
mod libxl;

pub(crate) use keepers::Keepers;
pub(crate) use libxl::{Record, path, read, remove};
