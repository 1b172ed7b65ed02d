//! The page between a domain and its console (`struct xencons_interface`, public/io/console.h).
//!
//! ```text
//!   0                1024              3072      3076      3080       3084       3088
//!   | in, to domain  | out, from it    | in_cons | in_prod | out_cons | out_prod | connection |
//!                                       domain writes in_cons, out_prod; backend writes in_prod, out_cons, connection
//! ```
//!
//! Indices run freely and are taken modulo the ring's size; a distance over that size is a broken or hostile peer.

use crate::record::{constants, record};

record! {
    /// The page.
    RECORD = "struct xencons_interface", size [V4_14: 3088, V4_21: 3092] {
        /// Bytes to the domain.
        IN: [1024] = "in" @ 0;
        /// Bytes from the domain.
        OUT: [2048] = "out" @ 1024;
        /// How far the domain has read.
        IN_CONS: u32 = "in_cons" @ 3072;
        /// How far the backend has written.
        IN_PROD: u32 = "in_prod" @ 3076;
        /// How far the backend has read.
        OUT_CONS: u32 = "out_cons" @ 3080;
        /// How far the domain has written.
        OUT_PROD: u32 = "out_prod" @ 3084;
        /// Whether somebody empties the ring.
        CONNECTION: u8 = "connection" @ [V4_21: 3088];
    }
}

constants! {
    /// Values of [`CONNECTION`].
    VALUES: u8 {
        /// Somebody does.
        CONNECTED = XENCONSOLE_CONNECTED, 0 since V4_21;
        /// Nobody does, yet: what the builder writes.
        DISCONNECTED = XENCONSOLE_DISCONNECTED, 1 since V4_21;
    }
}
