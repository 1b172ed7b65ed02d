//! `xenith console` without a name.

use std::os::fd::AsFd;
use std::sync::Arc;

use xen_sys::{Evtchn, Gntdev};
use xenith_api::latest::{Code, Problem};
use xenith_console::config::Config;
use xenith_console::serve::{ServeError, serve};

use super::{Role, Site, xen};

/// Serves until it is asked to end. It has no way to issue a hypercall.
pub fn run(site: &Site) -> Result<(), Problem> {
    let started = super::begin(Role::Console, site)?;
    let events = Evtchn::open().map_err(|error| xen::unreachable("console", &error))?;
    let grants = Gntdev::open().map_err(|error| xen::unreachable("console", &error))?;
    let config = Config {
        log_dir: site.log_dir.join("console"),
        socket: site.socket_of(Role::Console),
        store_socket: site.store_socket.clone(),
        ..Config::default()
    };
    serve(config, Arc::new(events), Arc::new(grants), started.end.as_fd()).map_err(|error| problem(&error))
}

fn problem(error: &ServeError) -> Problem {
    let code = if matches!(error, ServeError::AlreadyRunning(_)) { Code::AlreadyRunning } else { Code::Internal };
    Problem::new(code, "role console", format!("role console: {error}"), "look with `xenith check`")
}
