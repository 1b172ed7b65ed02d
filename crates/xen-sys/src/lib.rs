//! The Linux device nodes of Xen, behind safe types
