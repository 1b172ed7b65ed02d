//! The ioctls of Xen's Linux drivers: numbers, structures, and the one place that issues them.
//!
//! Sources: Linux 6.1 include/uapi/xen/{privcmd,evtchn,gntdev}.h. All are `_IOC_NONE` with the structure's size, so that the number alone says
//! how many bytes the driver reads.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::os::fd::AsFd;

use rustix::io::Result;
use rustix::ioctl::{Direction, Ioctl, IoctlOutput, Opcode, ioctl, opcode};

/// A structure of an ioctl.
///
/// # Safety
///
/// The type is `repr(C)` and laid out as the driver's structure for [`Argument::OPCODE`].
pub(crate) unsafe trait Argument {
    /// The request's number.
    const OPCODE: Opcode;
}

/// An argument without addresses in it: the driver touches only the structure itself.
///
/// # Safety
///
/// No field is an address.
pub(crate) unsafe trait Plain: Argument {}

macro_rules! arguments {
    ($($(#[$doc:meta])* $kind:ident $name:ident = $group:literal, $number:literal { $($field:ident: $type:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            #[derive(Clone, Copy, Debug, Default)]
            pub(crate) struct $name { $(pub $field: $type),* }

            // SAFETY: `repr(C)`, the fields are those of the header, and the sizes are tested below.
            unsafe impl Argument for $name {
                const OPCODE: Opcode =
                    opcode::from_components(Direction::None, $group, $number, size_of::<$name>());
            }
            arguments!(@$kind $name);
        )*
    };
    // SAFETY: marked so by the table below; the fields are numbers of Xen's, not addresses.
    (@plain $name:ident) => { unsafe impl Plain for $name {} };
    (@pointing $name:ident) => {};
}

arguments! {
    /// `privcmd_hypercall`: the words may be addresses.
    pointing Hypercall = b'P', 0 { op: u64, args: [u64; 5] }
    /// `privcmd_mmapbatch_v2`.
    pointing MmapBatch = b'P', 4 { num: u32, dom: u16, addr: u64, arr: u64, err: u64 }
    /// `privcmd_mmap_resource`.
    pointing MmapResource = b'P', 7 { dom: u16, kind: u32, id: u32, idx: u32, num: u64, addr: u64 }
    /// `ioctl_evtchn_bind_virq`; the port is the ioctl's value.
    plain BindVirq = b'E', 0 { virq: u32 }
    /// `ioctl_evtchn_bind_interdomain`; the port is the ioctl's value.
    plain BindInterdomain = b'E', 1 { remote_domain: u32, remote_port: u32 }
    /// `ioctl_evtchn_unbind`.
    plain Unbind = b'E', 3 { port: u32 }
    /// `ioctl_evtchn_notify`.
    plain Notify = b'E', 4 { port: u32 }
    /// `ioctl_gntdev_unmap_grant_ref`.
    plain UnmapGrants = b'G', 1 { index: u64, count: u32, pad: u32 }
}

/// `ioctl_gntdev_map_grant_ref` with any number of references: the header's structure ends in an array of one, whose real length stands in
/// `count`, and the number says the size with one.
pub(crate) struct MapGrants {
    /// count and pad; index; then domid and reference of each grant.
    words: Vec<u64>,
}

const MAP_GRANTS: Opcode = opcode::from_components(Direction::None, b'G', 0, 24);

impl MapGrants {
    /// Asks for grants of one domain. `None` when there are more than a count can say.
    pub fn new(domid: u32, grants: impl ExactSizeIterator<Item = u32>) -> Option<MapGrants> {
        let count = u32::try_from(grants.len()).ok()?;
        let mut words = vec![u64::from(count), 0];
        words.extend(grants.map(|grant| u64::from(domid) | (u64::from(grant) << 32)));
        Some(MapGrants { words })
    }

    /// Where to map them in the node, in bytes, after the call.
    pub fn index(&self) -> u64 {
        self.words.get(1).copied().unwrap_or(0)
    }

    /// Issues the request.
    pub fn issue(&mut self, node: impl AsFd) -> Result<i32> {
        // SAFETY: `words` is as long as its own count says, and the driver reads and writes no more than that; it holds no address. The fields
        // are little-endian pairs of 32 bits, as x86-64 and aarch64 lay them out.
        unsafe { raw(node, MAP_GRANTS, self.words.as_mut_ptr().cast()) }
    }
}

/// Issues a request that holds no addresses.
pub(crate) fn plain<T: Plain>(node: impl AsFd, argument: &mut T) -> Result<i32> {
    // SAFETY: the driver touches only the structure, which `Argument` says is the right one and which lives during the call. A node of another
    // driver answers ENOTTY, since the numbers carry the driver's letter.
    unsafe { raw(node, T::OPCODE, std::ptr::from_mut(argument).cast()) }
}

/// Issues a request that hands addresses over.
///
/// # Safety
///
/// Every address in the structure must be that of memory which may be read and written during the call as the driver, or Xen behind it, will,
/// and to which no Rust reference exists unless the driver only reads it.
pub(crate) unsafe fn pointing<T: Argument>(node: impl AsFd, argument: &mut T) -> Result<i32> {
    // SAFETY: as in `plain` for the structure itself; for what it points to, the caller's promise.
    unsafe { raw(node, T::OPCODE, std::ptr::from_mut(argument).cast()) }
}

/// # Safety
///
/// As [`pointing`], for the structure at `argument` too.
unsafe fn raw(node: impl AsFd, opcode: Opcode, argument: *mut c_void) -> Result<i32> {
    // SAFETY: the caller's promise.
    unsafe { ioctl(node, Raw { opcode, argument }) }
}

struct Raw {
    opcode: Opcode,
    argument: *mut c_void,
}

// SAFETY: opcode and pointer are passed on as they are, and the value is the driver's; that the two fit is the promise of `raw`'s callers.
unsafe impl Ioctl for Raw {
    type Output = i32;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument
    }

    // SAFETY: the trait asks for the word; nothing is dereferenced.
    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> Result<i32> {
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers computed by a C compiler from the headers of Linux 6.1.
    #[test]
    fn numbers_are_those_of_the_headers() {
        let expected: [(&str, Opcode, Opcode); 9] = [
            ("hypercall", Hypercall::OPCODE, 0x0030_5000),
            ("mmapbatch_v2", MmapBatch::OPCODE, 0x0020_5004),
            ("mmap_resource", MmapResource::OPCODE, 0x0020_5007),
            ("bind_virq", BindVirq::OPCODE, 0x0004_4500),
            ("bind_interdomain", BindInterdomain::OPCODE, 0x0008_4501),
            ("unbind", Unbind::OPCODE, 0x0004_4503),
            ("notify", Notify::OPCODE, 0x0004_4504),
            ("map_grant_ref", MAP_GRANTS, 0x0018_4700),
            ("unmap_grant_ref", UnmapGrants::OPCODE, 0x0010_4701),
        ];
        for (name, ours, header) in expected {
            assert_eq!(ours, header, "{name}: {ours:#x}");
        }
    }

    #[test]
    fn grants_are_laid_out_as_pairs() {
        let request = MapGrants::new(7, [0u32, 9].into_iter()).unwrap();
        assert_eq!(request.words, [2, 0, 7, 7 | 9 << 32]);
        assert_eq!(request.index(), 0);
    }
}
