//! Pages that a domain shares with a backend, and the words both sides write into xenstore.

pub mod console;
pub mod xenbus;
pub mod xenstore;

use crate::record::constants;

constants! {
    /// Reserved domain numbers and the interrupts that a store binds, to be checked with the rest (public/xen.h).
    DOMIDS: u16 {
        /// `DomId::SELF`.
        DOMID_SELF = DOMID_SELF, 0x7ff0;
        /// `DomId::INVALID`.
        DOMID_INVALID = DOMID_INVALID, 0x7ff4;
        /// `DomId::FIRST_RESERVED`.
        DOMID_FIRST_RESERVED = DOMID_FIRST_RESERVED, 0x7ff0;
        /// A domain died or shut down: for the store alone.
        VIRQ_DOM_EXC = VIRQ_DOM_EXC, 3;
    }
}
