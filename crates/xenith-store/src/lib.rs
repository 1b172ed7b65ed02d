//! The store role: sockets and rings around the xenstore core
