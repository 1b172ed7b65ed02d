//! Pages that a domain shares with a backend, and the words both sides write into xenstore.

pub mod console;
pub mod xenbus;
pub mod xenstore;

use crate::record::constants;

constants! {
    /// The global interrupts that we bind (public/xen.h).
    VIRQS: u32 {
        /// A domain died or shut down: for the store alone.
        VIRQ_DOM_EXC = VIRQ_DOM_EXC, 3;
    }
}
