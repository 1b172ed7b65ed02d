//! The store on plain Linux, without Xen: `standalone DIR` serves `DIR/socket` until it is killed.

use std::os::fd::AsFd;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: standalone DIR")?;
    let directory = std::path::PathBuf::from(directory);
    let config = xenith_store::Config { socket: directory.join("socket"), ..xenith_store::Config::default() };
    // Never readable: this one ends when it is killed.
    let (shutdown, _keep) = std::os::unix::net::UnixStream::pair()?;
    xenith_store::serve(&config, || Ok(None), shutdown.as_fd())?;
    Ok(())
}
