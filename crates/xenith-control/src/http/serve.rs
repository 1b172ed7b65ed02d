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

use super::router;
use crate::Control;

/// Where the API is served.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The socket's path: `/run/xenith/api.sock`. The lock is beside it, with `.lock` at the end of its name.
    pub socket: PathBuf,
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
            Ok(()) => Ok(ServeLock { socket, _lock: lock }),
            Err(Errno::WOULDBLOCK) => Err(ServeError::AlreadyRunning { socket }),
            Err(errno) => Err(failed(errno.into())),
        }
    }
}

/// Serves the API until `shutdown` polls readable, then takes no new connection, lets running requests end and removes the socket.
pub fn serve(control: Arc<Control>, lock: ServeLock, shutdown: OwnedFd) -> Result<(), ServeError> {
    let socket = lock.socket.clone();
    let failed = |source| ServeError::Io { path: socket.clone(), source };
    // One thread speaks HTTP, which is little work: handed from thread to thread, a request waits longer than it is worked on.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(BLOCKING_MAX)
        .thread_name("api")
        .enable_all()
        .build()
        .map_err(failed)?;
    let served = runtime.block_on(async {
        let listener = listen(&socket)?;
        let stop = stopped(shutdown)?;
        let server = axum::serve(listener, router(control)).with_graceful_shutdown(told(stop.clone())).into_future();
        tokio::select! {
            ended = server => ended,
            () = async { told(stop).await; tokio::time::sleep(GRACE).await } => Ok(()),
        }
    });
    runtime.shutdown_timeout(GRACE);
    let _ = std::fs::remove_file(&socket);
    served.map_err(failed)
}

/// How long requests may take to end once the end was asked for. What is cut off then is finished by the next control.
const GRACE: Duration = Duration::from_secs(2);
/// Requests that work at once; more wait their turn.
const BLOCKING_MAX: usize = 32;

/// The socket of a control that was killed may still lie there; the lock says that nobody serves it.
fn listen(socket: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(socket) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(socket)?;
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
