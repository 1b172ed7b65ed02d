//! The role over a fake host and a real store core.

mod crash;
mod following;
mod serving;
mod sockets;
mod world;
