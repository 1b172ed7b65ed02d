//! A deterministic Xen that decodes hypercall bytes as a chosen release
