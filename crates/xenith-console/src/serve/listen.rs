//! The socket's file.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::fs::{Mode, chmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen as start, socket_with};

use super::ServeError;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Listens at a path, for root alone. The socket of a role that died is replaced, that of one that lives is an error.
pub fn listen(path: &Path) -> Result<UnixListener, ServeError> {
    if UnixStream::connect(path).is_ok() {
        return Err(ServeError::AlreadyRunning(path.display().to_string()));
    }
    bound(path).map_err(ServeError::io(format!("listen on {}", path.display())))
}

fn bound(path: &Path) -> io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    remove(path);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    // Nobody can connect before it listens.
    chmod(path, Mode::RUSR | Mode::WUSR)?;
    start(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Removes a socket's file; other files are left alone, and the bind then says that the path is taken.
pub fn remove(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        // A failure shows in the bind.
        let _ = fs::remove_file(path);
    }
}
