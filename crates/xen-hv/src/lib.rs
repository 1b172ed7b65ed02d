//! The seam: transport traits, version negotiation and the typed facade
