//! Every path and method of version 1, once. `{id}` is a name, a domid or a uuid.

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// The path with `{id}` where a domain is named.
    pub path: &'static str,
    /// What it does, for the docs.
    pub about: &'static str,
}

macro_rules! routes {
    ($($name:ident = $method:literal $path:literal $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $name: Route = Route { method: $method, path: $path, about: $about };
        )*
        /// All of them.
        pub const ALL: &[Route] = &[$($name),*];
    };
}

routes! {
    ROOT = "GET" "/v1" "Versions and features of the daemon.";
    HOST = "GET" "/v1/host" "The host: Xen's release, memory, CPUs, capabilities.";
    DOMAINS = "GET" "/v1/domains" "Every domain, dom0 included.";
    CREATE = "POST" "/v1/domains" "Creates a domain, or plans it.";
    DOMAIN = "GET" "/v1/domains/{id}" "One domain.";
    DESTROY = "DELETE" "/v1/domains/{id}" "Destroys a domain at once.";
    PAUSE = "POST" "/v1/domains/{id}/pause" "Stops its vcpus.";
    UNPAUSE = "POST" "/v1/domains/{id}/unpause" "Lets its vcpus run.";
    SHUTDOWN = "POST" "/v1/domains/{id}/shutdown" "Asks it to shut down.";
    CONSOLE = "GET" "/v1/domains/{id}/console" "Attaches to its console (WebSocket, binary frames; the last 64 KiB come first).";
    CONSOLE_LOG = "GET" "/v1/domains/{id}/console/log" "Its console's log as bytes.";
}

impl Route {
    /// The path with this domain in it; the caller keeps `id` free of `/`.
    #[must_use]
    pub fn for_domain(&self, id: &str) -> String {
        self.path.replace("{id}", id)
    }
}
