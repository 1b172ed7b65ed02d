//! Events: one ordered log, numbered without holes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its number: one more than that of the event before it, also across restarts of the daemon.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What.
    pub kind: EventKind,
    /// One line for a person.
    pub detail: String,
    /// The domain that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<EventDomain>,
    /// Why a domain stopped: `poweroff`, `reboot`, `suspend`, `crash`, `watchdog`, `soft-reset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The operation that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Uuid>,
    /// Who caused it: `uid 1000`, `xenith`; none where nobody is known to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// For [`EventKind::Gap`]: the first number that is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// The domain that an event is about, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventDomain {
    /// Its name.
    pub name: String,
    /// Its number; none before it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domid: Option<u16>,
    /// Its identity.
    pub uuid: Uuid,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// What happened. More kinds may come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[schemars(extend("x-open" = true))]
        pub enum EventKind {
            $($(#[doc = $doc])* #[serde(rename = $text)] $name,)*
            /// One that this client does not know.
            #[serde(other, rename = "unknown")]
            #[schemars(skip)]
            Unknown,
        }

        impl EventKind {
            /// Every kind, for the docs and the tests.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$name),*];

            /// The kind as it stands in JSON.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(EventKind::$name => $text,)* EventKind::Unknown => "unknown" }
            }

            /// What it means.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(EventKind::$name => concat!($($doc),*).trim_ascii(),)* EventKind::Unknown => "" }
            }
        }
    };
}

kinds! {
    /// The events between the one asked for and `next` are no longer kept. It has the number before `next`, and is not in the log itself.
    Gap = "gap",
    /// The daemon started.
    ControlStarted = "control-started",
    /// A domain was created.
    DomainCreated = "domain-created",
    /// A domain was paused.
    DomainPaused = "domain-paused",
    /// A domain was let run.
    DomainUnpaused = "domain-unpaused",
    /// A domain stopped by itself; `reason` says why.
    DomainStopped = "domain-stopped",
    /// A domain is gone.
    DomainDestroyed = "domain-destroyed",
    /// A domain has another name.
    DomainRenamed = "domain-renamed",
    /// A domain that somebody else made is ours from now on.
    DomainAdopted = "domain-adopted",
    /// A domain went on in place after a soft reset.
    DomainReset = "domain-reset",
    /// A domain that restarts too often is left stopped.
    DomainHeld = "domain-held",
    /// A domain's memory or vcpus were changed while it runs.
    DomainChanged = "domain-changed",
    /// A core dump was written, or could not be.
    CoreDumped = "core-dumped",
    /// A stored config was written.
    ConfigStored = "config-stored",
    /// A stored config was removed.
    ConfigRemoved = "config-removed",
    /// An operation began.
    OperationStarted = "operation-started",
    /// An operation ended.
    OperationEnded = "operation-ended",
    /// Somebody else changed something: a domain came, went or was changed without us.
    Drift = "drift",
    /// A node of the store was written or removed over the API.
    StoreChanged = "store-changed",
    /// The store went away.
    StoreLost = "store-lost",
    /// The store is back.
    StoreBack = "store-back",
}
