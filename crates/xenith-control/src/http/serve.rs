//! The API's socket: one control at a time, told by a lock on a file beside the socket that the kernel lets go when its holder dies.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::net::UnixListener;
use tokio::sync::watch;

use axum::Router;
use xenith_api::latest::Role;

use super::caller::Caller;
use super::connections::Connections;
use super::roles::{CALLERS, Roles, VIEWERS};
use super::router;
use crate::Control;

/// Where the API is served.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The socket's path: `/run/xenith/api.sock`. The lock is beside it, with `.lock` at the end of its name, and so is the read-only socket,
    /// with `-ro` before its name's ending.
    pub socket: PathBuf,
    /// Who is what.
    pub roles: Roles,
}

impl ServeConfig {
    /// On this socket, with the roles of this host's groups.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> ServeConfig {
        ServeConfig { socket: socket.into(), roles: Roles::default() }
    }
}

/// Why the API is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another control holds the lock.
    #[error("another control serves {}; stop it first", socket.display())]
    AlreadyRunning {
        /// The socket's path.
        socket: PathBuf,
    },
    /// The socket or its lock cannot be made.
    #[error("cannot serve {}: {source}", path.display())]
    Io {
        /// The socket or the lock.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
}

/// The right to be the one control of this socket, for as long as the value lives.
#[derive(Debug)]
pub struct ServeLock {
    socket: PathBuf,
    roles: Roles,
    _lock: File,
}

impl ServeLock {
    /// Takes the lock, before anything of the host is touched.
    pub fn take(config: &ServeConfig) -> Result<ServeLock, ServeError> {
        let socket = config.socket.clone();
        let mut name = socket.clone().into_os_string();
        name.push(".lock");
        let path = PathBuf::from(name);
        let failed = |source| ServeError::Io { path: path.clone(), source };
        if let Some(dir) = socket.parent() {
            std::fs::create_dir_all(dir).map_err(failed)?;
        }
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(ServeLock { socket, roles: config.roles.clone(), _lock: lock }),
            Err(Errno::WOULDBLOCK) => Err(ServeError::AlreadyRunning { socket }),
            Err(errno) => Err(failed(errno.into())),
        }
    }
}

/// Serves the API until `shutdown` polls readable, then takes no new connection, lets running requests end and removes the sockets.
pub fn serve(control: Arc<Control>, lock: ServeLock, shutdown: OwnedFd) -> Result<(), ServeError> {
    let socket = lock.socket.clone();
    let read_only = read_only(&socket);
    let failed = |source| ServeError::Io { path: socket.clone(), source };
    // One thread speaks HTTP, which is little work: handed from thread to thread, a request waits longer than it is worked on.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(BLOCKING_MAX)
        .thread_name("api")
        .enable_all()
        .build()
        .map_err(failed)?;
    let served = runtime.block_on(async {
        // The read-only one first: whoever finds the other one finds both.
        let viewers = listen(&read_only, lock.roles.gid(VIEWERS))?;
        let callers = listen(&socket, lock.roles.gid(CALLERS))?;
        let stop = stopped(shutdown)?;
        let router = router(control);
        let connections = Arc::new(Connections::default());
        tokio::join!(
            accept(&callers, Role::Admin, &lock.roles, &connections, &router, stop.clone()),
            accept(&viewers, Role::Viewer, &lock.roles, &connections, &router, stop),
        );
        connections.at_rest(GRACE).await;
        Ok(())
    });
    runtime.shutdown_timeout(GRACE);
    let _ = std::fs::remove_file(&socket);
    let _ = std::fs::remove_file(&read_only);
    served.map_err(failed)
}

/// `/run/xenith/api-ro.sock` beside `/run/xenith/api.sock`.
fn read_only(socket: &Path) -> PathBuf {
    let name = socket.file_stem().unwrap_or_default().to_string_lossy();
    let ending = socket.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    socket.with_file_name(format!("{name}-ro{ending}"))
}

/// Takes connections until the end is told.
async fn accept(
    listener: &UnixListener,
    most: Role,
    roles: &Roles,
    connections: &Arc<Connections>,
    router: &Router,
    stop: watch::Receiver<bool>,
) {
    let mut stop = std::pin::pin!(told(stop));
    loop {
        tokio::select! {
            () = &mut stop => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let caller = Caller::of(&stream, roles, most);
                    connections.serve(stream, caller, router);
                }
                // Out of descriptors, most likely: what is open ends sooner or later.
                Err(error) => {
                    tracing::warn!("api: a connection cannot be taken: {error}");
                    tokio::time::sleep(AGAIN).await;
                }
            },
        }
    }
}

/// How long to wait after a connection could not be taken.
const AGAIN: Duration = Duration::from_millis(50);
/// How long requests may take to end once the end was asked for. What is cut off then is finished by the next control.
const GRACE: Duration = Duration::from_secs(2);
/// Requests that work at once; more wait their turn.
const BLOCKING_MAX: usize = 32;

/// The socket of a control that was killed may still lie there; the lock says that nobody serves it.
fn listen(socket: &Path, group: Option<u32>) -> io::Result<UnixListener> {
    match std::fs::remove_file(socket) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(socket)?;
    if let Some(gid) = group {
        std::os::unix::fs::chown(socket, None, Some(gid))?;
    }
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Changes when the descriptor polls readable. An error means that it is unusable: then it is better to stop than never to.
fn stopped(shutdown: OwnedFd) -> io::Result<watch::Receiver<bool>> {
    let (tell, told) = watch::channel(false);
    std::thread::Builder::new().name("shutdown".to_owned()).spawn(move || {
        while poll(&mut [PollFd::new(&shutdown, PollFlags::IN)], None) == Err(Errno::INTR) {}
        tell.send_replace(true);
    })?;
    Ok(told)
}

async fn told(mut stop: watch::Receiver<bool>) {
    // An error means that the thread is gone, after its word.
    let _ = stop.wait_for(|stop| *stop).await;
}
