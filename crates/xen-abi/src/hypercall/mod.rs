//! One file per operation: the typed request, its few layouts side by side, the typed reply.
//!
//! ```text
//!   CreateDomain { .. } --encode(release)--> Call { "domctl createdomain", 36, [Buffer 0], .. }
//!                                              | issued by xen-sys, answered by Xen or by xen-sim
//!   DomId(5)            <--decode(release)-----+
//!
//!   multicall: n calls -> one call with n entries -> n results
//! ```
//!
//! A new operation is a new file here, its name in [`name`], its records and constants in [`crate::facts`], and fresh facts from `cargo xtask abi`.

pub mod cpu_policy;
pub mod domctl;
pub mod evtchn;
pub mod hvm;
pub mod memory;
pub mod multicall;
pub mod name;
pub mod sched;
pub mod sysctl;
pub mod version;

use crate::record::constants;

constants! {
    /// The hypercalls that we issue, by their names in public/xen.h.
    NUMBERS: u32 {
        /// Memory operations.
        MEMORY_OP = __HYPERVISOR_memory_op, 12;
        /// Several calls in one.
        MULTICALL = __HYPERVISOR_multicall, 13;
        /// What Xen is.
        XEN_VERSION = __HYPERVISOR_xen_version, 17;
        /// Scheduling of a domain as a whole.
        SCHED_OP = __HYPERVISOR_sched_op, 29;
        /// Event channels.
        EVENT_CHANNEL_OP = __HYPERVISOR_event_channel_op, 32;
        /// HVM parameters.
        HVM_OP = __HYPERVISOR_hvm_op, 34;
        /// Control of the host.
        SYSCTL = __HYPERVISOR_sysctl, 35;
        /// Control of domains.
        DOMCTL = __HYPERVISOR_domctl, 36;
    }
}
