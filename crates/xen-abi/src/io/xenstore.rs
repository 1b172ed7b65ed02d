//! The page between a domain and the store (`struct xenstore_domain_interface`, public/io/xs_wire.h).
//!
//! ```text
//!   0            1024          2048      2052      2056      2060      2064       2068         2072    2076
//!   | requests   | replies     | req_cons| req_prod| rsp_cons| rsp_prod| features | connection | error | port |
//!     the domain writes here   the store writes req_cons, rsp_prod, features, error
//!                              the domain writes req_prod, rsp_cons
//! ```
//!
//! The page belongs to the guest's protocol and only grows: a store lays it out as the newest release does ([`crate::record::Member::newest`]), whatever
//! Xen runs, and guests look at the feature bits. Indices run freely and are taken modulo the ring's size; a distance over that size is a broken or hostile peer.

use crate::record::{constants, record};

record! {
    /// The page.
    RECORD = "struct xenstore_domain_interface", size [V4_14: 2072, V4_17: 2076, V4_21: 2080] {
        /// Bytes from the domain.
        REQUESTS: [1024] = "req" @ 0;
        /// Bytes to the domain.
        REPLIES: [1024] = "rsp" @ 1024;
        /// How far the store has read.
        REQ_CONS: u32 = "req_cons" @ 2048;
        /// How far the domain has written.
        REQ_PROD: u32 = "req_prod" @ 2052;
        /// How far the domain has read.
        RSP_CONS: u32 = "rsp_cons" @ 2056;
        /// How far the store has written.
        RSP_PROD: u32 = "rsp_prod" @ 2060;
        /// What the store can do.
        SERVER_FEATURES: u32 = "server_features" @ 2064;
        /// Whether the domain asks for a new start.
        CONNECTION: u32 = "connection" @ 2068;
        /// Why the store gave up on the ring.
        ERROR: u32 = "error" @ [V4_17: 2072];
        /// The domain's port, for a domain that was started without being told.
        EVTCHN_PORT: u32 = "evtchn_port" @ [V4_21: 2076];
    }
}

constants! {
    /// Values of the page.
    VALUES: u32 {
        /// Bytes of each ring.
        RING_SIZE = XENSTORE_RING_SIZE, 1024;
        /// The ring can be started again.
        FEATURE_RECONNECTION = XENSTORE_SERVER_FEATURE_RECONNECTION, 1;
        /// The error field means something.
        FEATURE_ERROR = XENSTORE_SERVER_FEATURE_ERROR, 2 since V4_17;
        /// The steady state.
        CONNECTED = XENSTORE_CONNECTED, 0;
        /// The domain asks for a new start; the store answers with [`CONNECTED`].
        RECONNECT = XENSTORE_RECONNECT, 1;
        /// No error.
        ERROR_NONE = XENSTORE_ERROR_NONE, 0 since V4_17;
        /// The event channel or the mapping failed.
        ERROR_COMM = XENSTORE_ERROR_COMM, 1 since V4_17;
        /// An index that cannot be.
        ERROR_RINGIDX = XENSTORE_ERROR_RINGIDX, 2 since V4_17;
        /// A message that cannot be.
        ERROR_PROTO = XENSTORE_ERROR_PROTO, 3 since V4_17;
        /// The most bytes of a message after its header.
        PAYLOAD_MAX = XENSTORE_PAYLOAD_MAX, 4096;
    }
}
