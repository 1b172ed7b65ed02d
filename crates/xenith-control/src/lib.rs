//! The control role: the API server over the engine
