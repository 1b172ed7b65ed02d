//! What went wrong: RFC 9457 problems with a stable code. The codes are part of the promise.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The code as a URI: `urn:xenith:problem:kernel-no-pvh-note`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The stable code: `kernel-no-pvh-note`.
    pub code: Code,
    /// HTTP status of the answer that carried it.
    pub status: u16,
    /// What the code means, the same for every problem of it.
    #[serde(default)]
    pub title: String,
    /// One line: subject, what is wrong, what to do.
    pub detail: String,
    /// What it is about: `domain web`, `/boot/vmlinuz`.
    pub subject: String,
    /// The plan's step that failed, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What to do next.
    pub advice: String,
    /// Where in the request's body it is, as a JSON pointer (RFC 6901): `/config/vcpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The operation that failed, where one had begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Uuid>,
    /// Every complaint about a config, all at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub complaints: Vec<Complaint>,
}

/// One complaint about one key of a config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Complaint {
    /// The stable code.
    pub code: Code,
    /// The key with its table: `boot.kernel`.
    pub key: String,
    /// The value as written, shortened to 80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Line of the file, from 1; none where the config came as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Complaint {
    /// A complaint without value and line.
    #[must_use]
    pub fn new(code: Code, key: impl Into<String>, message: impl Into<String>) -> Complaint {
        Complaint { code, key: key.into(), value: None, line: None, message: message.into() }
    }

    /// With the value as written, made one line and shortened to 80 characters.
    #[must_use]
    pub fn value(mut self, written: &str) -> Complaint {
        self.value = Some(shorten(written));
        self
    }
}

/// `vcpus = 0: a domain has 1 to 128 vcpus`, without line and code.
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.key, &self.value) {
            (key, _) if key.is_empty() => f.write_str(&self.message),
            (key, Some(value)) => write!(f, "{key} = {value}: {}", self.message),
            (key, None) => write!(f, "{key}: {}", self.message),
        }
    }
}

/// One line of at most 80 characters, the rest told by `...`; control characters are escaped, so that no terminal obeys them.
#[must_use]
pub fn shorten(text: &str) -> String {
    let mut line: String = text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
    if let Some((cut, _)) = line.char_indices().nth(80) {
        let keep = line.char_indices().nth(77).map_or(cut, |(at, _)| at);
        line.truncate(keep);
        line.push_str("...");
    }
    line
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal / $status:literal),* $(,)?) => {
        /// A stable error code. Codes are added, never changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        #[schemars(extend("x-open" = true))]
        pub enum Code {
            $($(#[doc = $doc])* #[serde(rename = $text)] $name,)*
            /// One that this client does not know.
            #[serde(other, rename = "unknown")]
            #[schemars(skip)]
            Unknown,
        }

        impl Code {
            /// Every code, for the docs and the tests.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The code as it stands in JSON and on the command line.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Code::$name => $text,)* Code::Unknown => "unknown" }
            }

            /// What it means.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc),*).trim_ascii(),)* Code::Unknown => "A code that this client does not know." }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Code::$name => $status,)* Code::Unknown => 500 }
            }
        }
    };
}

codes! {
    /// The config has complaints.
    ConfigInvalid = "config-invalid" / 422,
    /// The file is not TOML, or the body not JSON.
    ConfigSyntax = "config-syntax" / 400,
    /// A key that nobody knows.
    ConfigUnknownKey = "config-unknown-key" / 422,
    /// A key that must be there is not.
    ConfigMissingKey = "config-missing-key" / 422,
    /// A value of the wrong type or form.
    ConfigBadValue = "config-bad-value" / 422,
    /// A number outside its range.
    ConfigOutOfRange = "config-out-of-range" / 422,
    /// The name, or the uuid, is taken.
    NameInUse = "name-in-use" / 409,
    /// A file that the config names is not there or cannot be read.
    FileUnreadable = "file-unreadable" / 422,
    /// The kernel has no PVH entry note.
    KernelNoPvhNote = "kernel-no-pvh-note" / 422,
    /// The kernel is cut short.
    KernelTruncated = "kernel-truncated" / 422,
    /// The kernel does not decompress, or its ELF makes no sense.
    KernelCorrupt = "kernel-corrupt" / 422,
    /// The kernel decompresses to more than the limit.
    KernelTooLarge = "kernel-too-large" / 422,
    /// A good kernel, but not one that a PVH domain can boot.
    KernelUnsuitable = "kernel-unsuitable" / 422,
    /// The file is no kernel that we know.
    KernelUnknownFormat = "kernel-unknown-format" / 422,
    /// The domain's memory cannot hold kernel and initrd.
    MemoryTooSmall = "memory-too-small" / 422,
    /// The host has not that much free memory.
    MemoryInsufficient = "memory-insufficient" / 409,
    /// The host cannot run that many vcpus, or has no HAP.
    HostIncapable = "host-incapable" / 422,
    /// No such domain.
    DomainNotFound = "domain-not-found" / 404,
    /// The domain is in a state that forbids it.
    DomainState = "domain-state" / 409,
    /// The change cannot be made while the domain runs: its config has to say so, and the domain has to start again.
    NeedsRestart = "needs-restart" / 409,
    /// A domain of another toolstack that cannot be ours.
    NotAdoptable = "not-adoptable" / 409,
    /// Somebody cancelled it; it was taken back.
    Cancelled = "cancelled" / 409,
    /// Time ran out.
    TimedOut = "timed-out" / 409,
    /// No hypervisor answers.
    XenAbsent = "xen-absent" / 503,
    /// The running Xen is not in the table.
    XenUnknown = "xen-unknown" / 503,
    /// Xen refused a hypercall.
    XenRefused = "xen-refused" / 502,
    /// The caller may not do that.
    NotPermitted = "not-permitted" / 403,
    /// Another store is already running.
    StoreBusy = "store-busy" / 409,
    /// The store does not answer.
    StoreUnreachable = "store-unreachable" / 503,
    /// The store refused a request.
    StoreRefused = "store-refused" / 502,
    /// The console role does not answer.
    ConsoleUnreachable = "console-unreachable" / 503,
    /// The domain has no console that is served here.
    NoConsole = "no-console" / 404,
    /// The daemon does not answer.
    DaemonUnreachable = "daemon-unreachable" / 503,
    /// Another instance of the role is running.
    AlreadyRunning = "already-running" / 409,
    /// The request is not one of the API's.
    BadRequest = "bad-request" / 400,
    /// The request's body took too long to arrive.
    RequestTooSlow = "request-too-slow" / 408,
    /// A condition of the request does not hold: somebody else changed it meanwhile.
    PreconditionFailed = "precondition-failed" / 412,
    /// A change of this must say what it changes, with If-Match.
    PreconditionRequired = "precondition-required" / 428,
    /// The idempotency key was used for another request.
    KeyReused = "key-reused" / 422,
    /// More connections than the daemon takes.
    TooManyConnections = "too-many-connections" / 503,
    /// No such operation, or it is forgotten.
    OperationNotFound = "operation-not-found" / 404,
    /// The core dump cannot be written, or would be larger than it may be.
    DumpFailed = "dump-failed" / 507,
    /// The core dump cannot have that file.
    DumpPathInvalid = "dump-path-invalid" / 422,
    /// No such crash report.
    CrashNotFound = "crash-not-found" / 404,
    /// No stored config of that name.
    ConfigNotFound = "config-not-found" / 404,
    /// No such node of the store.
    StoreNodeNotFound = "store-node-not-found" / 404,
    /// What names a node of the store is no path.
    StorePathInvalid = "store-path-invalid" / 400,
    /// The value is larger than the store takes there.
    StoreValueTooLarge = "store-value-too-large" / 422,
    /// The request's body is larger than the daemon takes.
    RequestTooLarge = "request-too-large" / 413,
    /// No such path.
    NoRoute = "no-route" / 404,
    /// The path is there, but not with this method.
    MethodNotAllowed = "method-not-allowed" / 405,
    /// Our own fault.
    Internal = "internal" / 500,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Problem {
    /// A problem with its code's status. `detail` is the whole line that a person reads.
    #[must_use]
    pub fn new(code: Code, subject: impl Into<String>, detail: impl Into<String>, advice: impl Into<String>) -> Problem {
        Problem {
            kind: format!("urn:xenith:problem:{code}"),
            code,
            status: code.status(),
            title: code.about().to_owned(),
            detail: detail.into(),
            subject: subject.into(),
            step: None,
            advice: advice.into(),
            pointer: None,
            operation: None,
            complaints: Vec::new(),
        }
    }
}
