//! Xenstore: wire codec, tree, server core and client, without I/O of its own
