//! Operations on a whole domain that carry nothing but its number: destroy, pause, unpause.

use super::{DESTROYDOMAIN, PAUSEDOMAIN, Request, UNPAUSEDOMAIN};
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
