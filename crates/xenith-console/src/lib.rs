//! The console role: rings, logs, ptys and viewers.

pub mod allowance;
pub mod config;
pub mod console;
pub mod history;
pub mod log;
mod nodes;
pub mod session;
#[cfg(test)]
mod tests;
pub mod viewers;
