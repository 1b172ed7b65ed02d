//! One file per verb: its words, its request, its answer as text.

pub mod adopt;
pub mod apply;
pub mod check;
pub mod completion;
pub mod config;
pub mod console;
pub mod crashes;
pub mod create;
pub mod destroy;
pub mod dial;
pub mod doctor;
pub mod dump_core;
pub mod events;
mod file;
pub mod help;
pub mod info;
pub mod list;
pub mod operations;
pub mod pause;
pub mod reboot;
pub mod rename;
pub mod restart;
pub mod shutdown;
pub mod start;
pub mod store;
pub mod top;
pub mod unpause;
