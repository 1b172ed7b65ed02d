//! Every path and method of version 1, once. `{id}` is a name, a domid or a uuid.

use super::access::Role;

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name in the document: `create_domain`.
    pub name: &'static str,
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// The path with `{id}` where something is named.
    pub path: &'static str,
    /// Who may.
    pub role: Role,
    /// What it does, for the docs.
    pub about: &'static str,
}

macro_rules! routes {
    ($($name:ident = $method:literal $path:literal $role:ident $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $name: Route =
                Route { name: stringify!($name), method: $method, path: $path, role: Role::$role, about: $about };
        )*
        /// All of them.
        pub const ALL: &[Route] = &[$($name),*];
    };
}

routes! {
    ROOT = "GET" "/v1" Viewer "Versions and features of the daemon. Clients test features, never version numbers.";
    OPENAPI = "GET" "/v1/openapi.json" Viewer "This API's own document (OpenAPI 3.1).";
    HOST = "GET" "/v1/host" Viewer "The host: Xen's release, memory, CPUs, capabilities.";
    HOST_LOG = "GET" "/v1/host/log" Admin "Xen's own log, as far as its console ring goes back. It may hold addresses.";
    CPUPOOLS = "GET" "/v1/cpupools" Viewer "Every CPU pool, and the CPUs that none has.";
    METRICS = "GET" "/v1/metrics" Viewer "Figures of host, domains, operations and events as OpenMetrics text.";
    DOMAINS = "GET" "/v1/domains" Viewer "Every domain, dom0 included.";
    CREATE = "POST" "/v1/domains" Operator "Creates a domain, or plans it.";
    DOMAIN = "GET" "/v1/domains/{id}" Viewer "One domain.";
    DESTROY = "DELETE" "/v1/domains/{id}" Operator "Destroys a domain at once.";
    PAUSE = "POST" "/v1/domains/{id}/pause" Operator "Stops its vcpus.";
    UNPAUSE = "POST" "/v1/domains/{id}/unpause" Operator "Lets its vcpus run.";
    SHUTDOWN = "POST" "/v1/domains/{id}/shutdown" Operator "Asks it to shut down.";
    REBOOT = "POST" "/v1/domains/{id}/reboot" Operator "Asks it to reboot; what follows is what its config wants of a reboot.";
    RESTART = "POST" "/v1/domains/{id}/restart" Operator "Destroys it, whatever it does, and creates it again, from its stored config where it has one.";
    RENAME = "POST" "/v1/domains/{id}/rename" Operator "Gives it another name; its stored config goes with it.";
    RESIZE = "POST" "/v1/domains/{id}/resize" Operator "Asks it to have other memory and vcpus while it runs, until its next start; it follows in its own time.";
    DUMP_CORE = "POST" "/v1/domains/{id}/dump-core" Admin "Writes its memory and registers to a file on the daemon's host; it stands still meanwhile.";
    ADOPT = "POST" "/v1/domains/{id}/adopt" Operator "Makes a domain that another toolstack created ours; the process that looks after it is ended.";
    CONSOLE = "GET" "/v1/domains/{id}/console" Operator "Attaches to its console (WebSocket, binary frames; the last 64 KiB come first).";
    CONSOLE_LOG = "GET" "/v1/domains/{id}/console/log" Viewer "Its console's log as bytes.";
    CONFIGS = "GET" "/v1/configs" Viewer "Every stored config, by name.";
    CONFIG = "GET" "/v1/configs/{id}" Viewer "One stored config, and how its domain stands to it.";
    STORE_CONFIG = "PUT" "/v1/configs/{id}" Operator "Stores a config for the next start of its domain; `If-Match` says which version is changed.";
    REMOVE_CONFIG = "DELETE" "/v1/configs/{id}" Operator "Removes a stored config. Its domain goes on.";
    START = "POST" "/v1/configs/{id}/start" Operator "Creates the domain of a stored config.";
    READ_STORE = "GET" "/v1/store" Admin "A node of the store, and those below it: values, permissions, children.";
    WRITE_STORE = "PUT" "/v1/store" Admin "Writes a node of the store; nodes that are missing on the way are made.";
    REMOVE_STORE = "DELETE" "/v1/store" Admin "Removes a node of the store and all below it.";
    DOCTOR = "GET" "/v1/doctor" Viewer "What was left behind, by whomever: domains, store nodes, ports, claims, operations.";
    CLEAN = "POST" "/v1/doctor/clean" Admin "Cleans up what was left behind, as far as that is possible.";
    CRASHES = "GET" "/v1/crashes" Viewer "The domains that crashed, newest first, as far as reports are kept.";
    CRASH = "GET" "/v1/crashes/{id}" Viewer "What was known of a domain when it crashed.";
    OPERATIONS = "GET" "/v1/operations" Viewer "The operations under way, and those that ended not long ago, oldest first.";
    OPERATION = "GET" "/v1/operations/{id}" Viewer "One operation.";
    CANCEL = "POST" "/v1/operations/{id}/cancel" Operator "Asks an operation to turn back. One that ended is not changed.";
    EVENTS = "GET" "/v1/events" Viewer "The event log, as NDJSON, or as server-sent events where `Accept` asks for `text/event-stream`.";
}

impl Route {
    /// The path with this domain in it; the caller keeps `id` free of `/`.
    #[must_use]
    pub fn for_domain(&self, id: &str) -> String {
        self.path.replace("{id}", id)
    }
}
