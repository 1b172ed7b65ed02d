//! The console role: rings, logs, ptys and viewers
