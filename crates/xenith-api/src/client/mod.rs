//! The synchronous client: typed methods over any way to exchange a request for a reply.
//!
//! ```text
//!   list, create, ... --Client--> method, path, JSON --Exchange--> status, bytes --Client--> Domain, ... | Problem
//!                                                       |
//!                                     Way: HTTP/1.1 over the API's socket, here or over ssh; the simulator: the router, in memory
//! ```
//!
//! Every failure is a [`Problem`]: the daemon's own, or one made here when the daemon does not answer or not as agreed.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::v1::routes::{self, Route};
use crate::v1::{
    Code, CoreDump, Crash, CrashReport, CreateRequest, CreateResponse, Diagnosis, Domain, DumpRequest, Operation, OperationState, Problem,
    RenameRequest, ResizeRequest, Root, ShutdownRequest,
};

mod apply;
mod configs;
mod console;
mod events;
mod host;
mod reply;
mod ssh;
mod store;
mod unix;
mod way;

pub use apply::{Applied, Apply, Stored};
pub use configs::Version;
pub use console::{Console, Heard};
pub use events::Events;
pub use ssh::{Destination, GREETING, Ssh};
pub use unix::Unix;
pub use way::Way;

/// A header: name and value, without line breaks.
pub type Header<'h> = (&'h str, &'h str);

/// A way to the daemon.
pub trait Exchange {
    /// Sends one request and waits for its reply: status and body. `path` is encoded already; `body` is JSON; `headers` are further ones.
    fn exchange(&self, method: &str, path: &str, headers: &[Header<'_>], body: Option<&[u8]>) -> Result<(u16, Vec<u8>), Problem>;
}

/// The API of version 1. Domains are named by name, domid or uuid.
#[derive(Clone, Debug)]
pub struct Client<E> {
    exchange: E,
}

impl<E: Exchange> Client<E> {
    /// A client over this way to the daemon.
    pub fn new(exchange: E) -> Client<E> {
        Client { exchange }
    }

    /// Versions and features of the daemon.
    pub fn root(&self) -> Result<Root, Problem> {
        self.get(routes::ROOT.path)
    }

    /// Every domain, dom0 included.
    pub fn list(&self) -> Result<Vec<Domain>, Problem> {
        self.list_of()
    }

    /// Every domain, of each as much as `T` has of a [`Domain`]: to read their configs takes more than half of a long list's time.
    pub fn list_of<T: DeserializeOwned>(&self) -> Result<Vec<T>, Problem> {
        self.get(routes::DOMAINS.path)
    }

    /// One domain.
    pub fn domain(&self, id: &str) -> Result<Domain, Problem> {
        self.get(&path(routes::DOMAIN, id))
    }

    /// Creates a domain, or plans it.
    ///
    /// One that takes longer than the daemon lets a request wait is waited for as an operation.
    pub fn create(&self, request: &CreateRequest) -> Result<CreateResponse, Problem> {
        let path = format!("{}?wait={PATIENCE_SECONDS}", routes::CREATE.path);
        let (status, body) = self.call_for(routes::CREATE.method, &path, Some(request))?;
        self.created(status, &body)
    }

    /// What a create answers, once it is over.
    fn created(&self, status: u16, body: &[u8]) -> Result<CreateResponse, Problem> {
        if status != ACCEPTED {
            return decode(body);
        }
        let ended = self.ended(decode(body)?)?;
        Ok(CreateResponse { domain: ended.domain, plan: ended.steps, cost: None })
    }

    /// What was left behind on the host.
    pub fn doctor(&self) -> Result<Diagnosis, Problem> {
        self.get(routes::DOCTOR.path)
    }

    /// Cleans up what was left behind.
    pub fn clean(&self) -> Result<Diagnosis, Problem> {
        decode(&self.call::<()>(routes::CLEAN.method, routes::CLEAN.path, None)?)
    }

    /// The operations under way, and those that ended not long ago.
    pub fn operations(&self) -> Result<Vec<Operation>, Problem> {
        self.get(routes::OPERATIONS.path)
    }

    /// One operation.
    pub fn operation(&self, id: &str) -> Result<Operation, Problem> {
        self.get(&path(routes::OPERATION, id))
    }

    /// Asks an operation to turn back, and waits a moment for it.
    pub fn cancel(&self, id: &str) -> Result<Operation, Problem> {
        decode(&self.call::<()>(routes::CANCEL.method, &path(routes::CANCEL, id), None)?)
    }

    /// Waits until an operation ended.
    fn ended(&self, mut operation: Operation) -> Result<Operation, Problem> {
        while operation.state == OperationState::Running {
            operation = self.get(&format!("{}?wait={PATIENCE_SECONDS}", path(routes::OPERATION, &operation.id.to_string())))?;
        }
        match operation.error.take() {
            Some(problem) => Err(problem),
            None => Ok(operation),
        }
    }

    /// Stops its vcpus.
    pub fn pause(&self, id: &str) -> Result<(), Problem> {
        self.act::<()>(routes::PAUSE, id, None)
    }

    /// Lets its vcpus run.
    pub fn unpause(&self, id: &str) -> Result<(), Problem> {
        self.act::<()>(routes::UNPAUSE, id, None)
    }

    /// Asks it to shut down, and waits as long as the request says.
    pub fn shutdown(&self, id: &str, request: ShutdownRequest) -> Result<(), Problem> {
        self.act(routes::SHUTDOWN, id, Some(&request))
    }

    /// Asks it to reboot.
    pub fn reboot(&self, id: &str) -> Result<(), Problem> {
        self.act::<()>(routes::REBOOT, id, None)
    }

    /// Gives it another name.
    pub fn rename(&self, id: &str, request: &RenameRequest) -> Result<Domain, Problem> {
        decode(&self.call(routes::RENAME.method, &path(routes::RENAME, id), Some(request))?)
    }

    /// Asks it to have other memory and vcpus; gives it as it is now.
    pub fn resize(&self, id: &str, request: &ResizeRequest) -> Result<Domain, Problem> {
        decode(&self.call(routes::RESIZE.method, &path(routes::RESIZE, id), Some(request))?)
    }

    /// Writes its core dump; `progress` sees the operation again and again until it ends.
    pub fn dump_core(&self, id: &str, request: &DumpRequest, mut progress: impl FnMut(&Operation)) -> Result<CoreDump, Problem> {
        let place = format!("{}?wait=1", path(routes::DUMP_CORE, id));
        let (status, body) = self.call_for(routes::DUMP_CORE.method, &place, Some(request))?;
        if status != ACCEPTED {
            return decode(&body);
        }
        let mut operation: Operation = decode(&body)?;
        while operation.state == OperationState::Running {
            progress(&operation);
            operation = self.get(&format!("{}?wait=1", path(routes::OPERATION, &operation.id.to_string())))?;
        }
        self.ended(operation)?.core.ok_or_else(|| strange("the daemon wrote a core dump and does not say where"))
    }

    /// The crashes that are kept, newest first.
    pub fn crashes(&self) -> Result<Vec<Crash>, Problem> {
        self.get(routes::CRASHES.path)
    }

    /// One crash report.
    pub fn crash(&self, id: &str) -> Result<CrashReport, Problem> {
        self.get(&path(routes::CRASH, id))
    }

    /// Makes a domain of another toolstack ours.
    pub fn adopt(&self, id: &str) -> Result<Domain, Problem> {
        decode(&self.call::<()>(routes::ADOPT.method, &path(routes::ADOPT, id), None)?)
    }

    /// Destroys it at once.
    pub fn destroy(&self, id: &str) -> Result<(), Problem> {
        self.operate(routes::DESTROY, id)
    }

    /// Destroys it and creates it again.
    pub fn restart(&self, id: &str) -> Result<(), Problem> {
        self.operate(routes::RESTART, id)
    }

    /// Asks for an operation and waits for its end.
    fn operate(&self, route: Route, id: &str) -> Result<(), Problem> {
        let path = format!("{}?wait={PATIENCE_SECONDS}", path(route, id));
        let (status, body) = self.call_for::<()>(route.method, &path, None)?;
        if status == ACCEPTED {
            self.ended(decode(&body)?)?;
        }
        Ok(())
    }

    /// Its console's log.
    pub fn console_log(&self, id: &str) -> Result<Vec<u8>, Problem> {
        self.call::<()>(routes::CONSOLE_LOG.method, &path(routes::CONSOLE_LOG, id), None)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        decode(&self.call::<()>("GET", path, None)?)
    }

    /// What a change answers beyond its success is not needed here.
    fn act<B: Serialize>(&self, route: Route, id: &str, body: Option<&B>) -> Result<(), Problem> {
        self.call(route.method, &path(route, id), body).map(drop)
    }

    fn call<B: Serialize>(&self, method: &str, path: &str, body: Option<&B>) -> Result<Vec<u8>, Problem> {
        self.call_for(method, path, body).map(|(_, body)| body)
    }

    fn call_for<B: Serialize>(&self, method: &str, path: &str, body: Option<&B>) -> Result<(u16, Vec<u8>), Problem> {
        self.call_with(method, path, &[], body)
    }

    fn call_with<B: Serialize>(
        &self,
        method: &str,
        path: &str,
        headers: &[Header<'_>],
        body: Option<&B>,
    ) -> Result<(u16, Vec<u8>), Problem> {
        let body = body.map(serde_json::to_vec).transpose();
        let body =
            body.map_err(|e| Problem::new(Code::Internal, path, format!("{method} {path}: the request cannot be written: {e}"), REPORT))?;
        match self.exchange.exchange(method, path, headers, body.as_deref())? {
            (status @ 200..=299, body) => Ok((status, body)),
            (status, body) => Err(problem(method, path, status, &body)),
        }
    }
}

impl<E: Exchange + Clone + Into<Way>> Client<E> {
    /// Events after this number; goes on with what happens where that is wanted.
    pub fn events(&self, since: u64, follow: bool) -> Result<Events, Problem> {
        Events::read(&self.exchange.clone().into(), &format!("{}?since={since}&follow={follow}", routes::EVENTS.path))
    }

    /// Attaches to its console.
    pub fn console(&self, id: &str) -> Result<Console, Problem> {
        Console::attach(&self.exchange.clone().into(), &path(routes::CONSOLE, id))
    }
}

/// How long a request waits for an operation before it asks again.
const PATIENCE_SECONDS: u64 = 20;
/// The answer that an operation is under way.
const ACCEPTED: u16 = 202;

const REPORT: &str = "this is a defect of Xenith: report it with this line";

/// The route's path for this domain, whatever the text holds.
fn path(route: Route, id: &str) -> String {
    route.for_domain(&escape(id, b"-._~"))
}

/// The text with every byte escaped that is neither a letter, a digit nor one of these (RFC 3986).
fn escape(text: &str, keep: &[u8]) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || keep.contains(&byte);
    text.bytes().map(|b| if kept(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|e| strange(&format!("the daemon's answer makes no sense: {e}")))
}

/// The problem that the daemon told, or one that says that it told none.
fn problem(method: &str, path: &str, status: u16, body: &[u8]) -> Problem {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| Problem { status, ..strange(&format!("{method} {path}: the daemon answered {status} without saying why")) })
}

/// The daemon answers, but not as agreed.
fn strange(title: &str) -> Problem {
    Problem::new(
        Code::Internal,
        "the daemon",
        title,
        "look into the daemon's log; check that both are of one release with `xenith --version` and `xenith info`",
    )
}

#[cfg(test)]
mod tests;
