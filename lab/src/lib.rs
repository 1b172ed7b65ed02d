//! Real Xen in QEMU: images, machine, peers
