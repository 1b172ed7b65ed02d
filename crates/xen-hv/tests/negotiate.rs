//! Which Xen is this: numbers in, verdict out.

// The helpers stand outside the test functions, where clippy.toml's leave for tests does not reach.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod fake;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fake::{Answer, fake};
use xen_abi::hypercall::{DOMCTL, SYSCTL, XEN_VERSION, domctl};
use xen_abi::{Call, Errno, Release};
use xen_hv::{Hypercalls, NegotiateError, Negotiated, SeamError, negotiate};

/// What a Xen says of itself.
#[derive(Clone, Copy)]
struct Says {
    version: (i64, i64),
    domctl: u32,
    sysctl: u32,
    privileged: bool,
}

fn answer(says: Says, call: &mut Call) -> Answer {
    let number = domctl::INTERFACE_VERSION.get_u32(&Release::V4_14, call.bytes(0));
    match call.number {
        XEN_VERSION => Ok(says.version.0 << 16 | says.version.1),
        DOMCTL if number != Ok(says.domctl) => Err(Errno::EACCES),
        SYSCTL if number != Ok(says.sysctl) => Err(Errno::EACCES),
        DOMCTL | SYSCTL if !says.privileged => Err(Errno::EPERM),
        DOMCTL | SYSCTL => Ok(0),
        other => panic!("a probe of hypercall {other}"),
    }
}

fn verdict(says: Says) -> Result<Negotiated, NegotiateError> {
    negotiate(&*fake(move |call| answer(says, call)))
}

#[test]
fn every_release_of_the_table_is_found_with_three_questions() {
    for release in Release::ALL {
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let says = Says { version: (4, release.minor.into()), domctl: release.domctl, sysctl: release.sysctl, privileged: true };
        let hypercalls = fake(move |call| {
            count.fetch_add(1, Ordering::Relaxed);
            answer(says, call)
        });
        assert_eq!(negotiate(&*hypercalls).unwrap(), Negotiated::Full(release));
        assert_eq!(asked.load(Ordering::Relaxed), 3, "questions to Xen {release}");
    }
}

#[test]
fn an_unknown_triple_is_told_and_never_guessed() {
    let cases = [
        ((4, 23), 0x19, 0x17, "Xen 4.23 speaks domctl 0x19 and sysctl 0x17, which this build does not know (newer than known)"),
        ((4, 23), 0x18, 0x16, "Xen 4.23 speaks domctl 0x18 and sysctl 0x16, which this build does not know (newer than known)"),
        ((4, 13), 0x12, 0x12, "Xen 4.13 speaks domctl 0x12 and sysctl 0x12, which this build does not know (older than supported)"),
        ((4, 17), 0x16, 0x15, "Xen 4.17 speaks domctl 0x16 and sysctl 0x15, which this build does not know (numbers that no release had"),
        (
            (4, 30),
            0x40,
            0x40,
            "Xen 4.30 speaks domctl none of those tried and sysctl none of those tried, which this build does not know (newer",
        ),
    ];
    for (version, domctl, sysctl, expected) in cases {
        let Ok(Negotiated::StableOnly(stable)) = verdict(Says { version, domctl, sysctl, privileged: true }) else {
            panic!("{version:?} {domctl:#x} {sysctl:#x} was taken for a known release");
        };
        assert!(stable.report.starts_with(expected), "{}", stable.report);
        assert!(stable.report.contains("4.14, 4.15") && stable.report.ends_with("4.22"), "{}", stable.report);
    }
}

/// A way that leads nowhere.
struct Nowhere(fn() -> SeamError);

impl Hypercalls for Nowhere {
    fn issue(&self, _: &mut Call) -> Result<i64, SeamError> {
        Err((self.0)())
    }
}

#[test]
fn no_hypervisor_and_no_right_are_told_apart() {
    let missing = || SeamError::Node { node: "/dev/xen/privcmd".to_owned(), source: std::io::Error::from_raw_os_error(2) };
    let nobody = || SeamError::Refused { what: "xen_version version", errno: Errno::ENOSYS };
    let broken = || SeamError::Refused { what: "xen_version version", errno: Errno::EFAULT };
    assert!(matches!(negotiate(&Nowhere(missing)), Err(NegotiateError::NoHypervisor { reason }) if reason.contains("/dev/xen/privcmd")));
    assert!(matches!(negotiate(&Nowhere(nobody)), Err(NegotiateError::NoHypervisor { .. })));
    assert!(matches!(negotiate(&Nowhere(broken)), Err(NegotiateError::Probe(_))));
    let domu = Says { version: (4, 17), domctl: 0x15, sysctl: 0x15, privileged: false };
    assert!(matches!(verdict(domu), Err(NegotiateError::NotPrivileged { version }) if version.minor == 17));
}
