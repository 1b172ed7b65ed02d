//! Ring logic against a hostile peer: the console protocol
