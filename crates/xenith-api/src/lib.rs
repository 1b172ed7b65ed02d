//! Versioned request and response types, the config model, a synchronous client
