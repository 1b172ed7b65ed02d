//! What goes inside a domain: loaders, layout, start state
