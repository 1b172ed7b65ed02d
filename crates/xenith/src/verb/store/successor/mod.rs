//! From one xenstored to another in the same process: what `takeover` and `handback` share.
//!
//! ```text
//!   socket --peer credentials--> pid --/proc--> program and words: Running
//!   Running + target --> Change (what would happen: --dry-run) --live-update on the wire--> the same pid is another program
//! ```

mod change;
mod running;

pub use change::{Change, Limits};
pub use running::{Make, Running};
