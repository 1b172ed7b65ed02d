//! Xen's error numbers (public/errno.h): the same as Linux's on x86, but stated here, since the number comes from Xen.

use std::fmt;

use crate::record::Constant;
use crate::release::Release;

/// An error that Xen returned, as the positive number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

macro_rules! errnos {
    (xen { $($xen:ident = $number:literal),* $(,)? } linux { $($linux:ident = $theirs:literal),* $(,)? }) => {
        /// The numbers by their names in public/errno.h, to be checked with all other claims.
        pub const NUMBERS: &[Constant] = &[$(
            Constant { name: concat!("XEN_", stringify!($xen)), value: $number, since: Release::OLDEST },
        )*];

        impl Errno {
            $(
                #[doc = concat!("`", stringify!($xen), "`, ", $number, " (public/errno.h).")]
                pub const $xen: Errno = Errno($number);
            )*
            $(
                #[doc = concat!("`", stringify!($linux), "`, ", $theirs, ": from the kernel alone.")]
                pub const $linux: Errno = Errno($theirs);
            )*

            /// The number's name, where it has one.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Errno::$xen => Some(stringify!($xen)),)*
                    $(Errno::$linux => Some(stringify!($linux)),)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    xen {
        EPERM = 1, ENOENT = 2, ESRCH = 3, EIO = 5, ENXIO = 6, E2BIG = 7, ENOEXEC = 8, EBADF = 9, ECHILD = 10, EAGAIN = 11,
        ENOMEM = 12, EACCES = 13, EFAULT = 14, EBUSY = 16, EEXIST = 17, EXDEV = 18, ENODEV = 19, EINVAL = 22, ENOSPC = 28, EROFS = 30,
        ERANGE = 34, EDEADLK = 35, ENOSYS = 38, ENODATA = 61, EOVERFLOW = 75, EILSEQ = 84, EOPNOTSUPP = 95,
        ENOBUFS = 105, ETIMEDOUT = 110,
    }
    linux { EINTR = 4 }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
