//! Xen's vocabulary and every byte layout that Xen decides
