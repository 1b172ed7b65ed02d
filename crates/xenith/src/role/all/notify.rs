//! Telling whoever started us that every role is ready.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tracing::{info, warn};

/// To a descriptor, where one was named, and to systemd, where it started us (sd_notify(3): a datagram to `NOTIFY_SOCKET`).
pub fn ready(fd: Option<u32>) {
    info!("every role is ready");
    if let Some(fd) = fd
        && let Err(error) = super::write_line(fd)
    {
        warn!("ready: cannot write to descriptor {fd}: {error}");
    }
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET").and_then(|socket| socket.into_string().ok())
        && let Err(error) = tell(&socket)
    {
        warn!("ready: cannot tell {socket}: {error}");
    }
}

fn tell(socket: &str) -> std::io::Result<()> {
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let name = format!("xenith-test-{}", std::process::id());
        let named = SocketAddr::from_abstract_name(&name).unwrap();
        for (socket, listener) in [
            (path.display().to_string(), UnixDatagram::bind(&path).unwrap()),
            (format!("@{name}"), UnixDatagram::bind_addr(&named).unwrap()),
        ] {
            tell(&socket).unwrap();
            let mut message = [0; 32];
            let length = listener.recv(&mut message).unwrap();
            assert_eq!(&message[..length], b"READY=1");
        }
    }
}
