//! Operations on a whole domain that carry nothing but its number: destroy, pause, unpause, soft reset.

use super::{DESTROYDOMAIN, PAUSEDOMAIN, Request, SOFT_RESET, UNPAUSEDOMAIN};
use crate::call::{Call, Operation, OperationError};
use crate::names::DomId;
use crate::release::Release;

macro_rules! bare {
    ($(#[$doc:meta])* $name:ident, $command:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            /// The domain.
            pub domid: DomId,
        }

        impl Operation for $name {
            type Reply = ();

            fn encode(&self, release: &Release) -> Result<Call, OperationError> {
                Ok(Request::new(release, $command, self.domid)?.call())
            }

            fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
                Ok(())
            }
        }
    };
}

bare!(
    /// `XEN_DOMCTL_destroydomain`: kills the domain and frees what it has. Xen continues the call itself until the memory is gone.
    DestroyDomain,
    DESTROYDOMAIN
);
bare!(
    /// `XEN_DOMCTL_pausedomain`: one more reason not to run. Pauses are counted (EUSERS past 255).
    PauseDomain,
    PAUSEDOMAIN
);
bare!(
    /// `XEN_DOMCTL_unpausedomain`: one reason less. EINVAL where the domain was not paused by a toolstack.
    UnpauseDomain,
    UNPAUSEDOMAIN
);
bare!(
    /// `XEN_DOMCTL_soft_reset`: a domain that shut down starts over with its memory and vcpus as they are: all ports are closed, the shared info
    /// page is a fresh one, and the vcpus run on. EINVAL where it did not shut down, or is no HVM container; a domain that Xen cannot reset
    /// crashes. Grants stay. Xen continues the call itself (domain_soft_reset, xen/common/domain.c).
    SoftReset,
    SOFT_RESET
);
