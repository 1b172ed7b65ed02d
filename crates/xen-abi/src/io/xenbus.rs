//! How far the two halves of a device have come (`enum xenbus_state`, public/io/xenbus.h), as a decimal number in the node `state`.
//!
//! ```text
//!   frontend:  Initialising -> Initialised -> Connected -> Closing -> Closed
//!   backend:   Initialising -> InitWait    -> Connected -> Closing -> Closed
//! ```

use crate::record::constants;

macro_rules! states {
    ($($(#[$doc:meta])* $variant:ident, $name:ident = $c:ident, $value:literal;)*) => {
        constants! {
            /// The numbers.
            STATES: u32 { $($(#[$doc])* $name = $c, $value;)* }
        }

        /// How far one half has come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum XenbusState {
            $($(#[$doc])* $variant,)*
        }

        impl XenbusState {
            /// The state for a number, or none: the number comes from the peer.
            #[must_use]
            pub fn from_code(code: u32) -> Option<XenbusState> {
                match code {
                    $($name => Some(XenbusState::$variant),)*
                    _ => None,
                }
            }

            /// The number.
            #[must_use]
            pub fn code(self) -> u32 {
                match self {
                    $(XenbusState::$variant => $name,)*
                }
            }
        }
    };
}

states! {
    /// No node, or nonsense in it.
    Unknown, UNKNOWN = XenbusStateUnknown, 0;
    /// The half is being made.
    Initialising, INITIALISING = XenbusStateInitialising, 1;
    /// The backend waits for the frontend.
    InitWait, INIT_WAIT = XenbusStateInitWait, 2;
    /// The frontend has written its rings and ports.
    Initialised, INITIALISED = XenbusStateInitialised, 3;
    /// It works.
    Connected, CONNECTED = XenbusStateConnected, 4;
    /// It stops.
    Closing, CLOSING = XenbusStateClosing, 5;
    /// It has stopped.
    Closed, CLOSED = XenbusStateClosed, 6;
    /// It changes while it works.
    Reconfiguring, RECONFIGURING = XenbusStateReconfiguring, 7;
    /// It has changed.
    Reconfigured, RECONFIGURED = XenbusStateReconfigured, 8;
}
