//! `xenith control`.

use std::fmt::Display;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use xen_store::client::{SocketTransport, Transport};
use xenith_api::latest::{Code, Problem};
use xenith_control::{Control as Core, ControlConfig, ServeConfig, ServeError, ServeLock, autostart, events, serve};
use xenith_engine::clock::SystemClock;
use xenith_engine::store::Connect;

use super::{Options, Role, Site, xen};
use crate::context::Context;

/// Run the control role, which serves the API (started by `xenith all`)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith control                   serves the API on /run/xenith/api.sock; may be killed and started again at any moment")]
pub struct Control {
    #[command(flatten)]
    options: Options,
}

impl Control {
    /// Serves until it is asked to end.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let site = self.options.site(context);
        let started = super::begin(Role::Control, &site)?;
        let lock = ServeLock::take(&ServeConfig::new(&site.socket)).map_err(|error| served(&error))?;
        let core = Arc::new(Core::start(surroundings(&site)?)?);
        // It ends with the process: nothing of a domain lives in it.
        events::spawn(&core).map_err(|error| problem(Code::Internal, &error))?;
        autostart::spawn(&core).map_err(|error| problem(Code::Internal, &error))?;
        serve(core, lock, started.end).map_err(|error| served(&error))
    }
}

fn surroundings(site: &Site) -> Result<ControlConfig, Problem> {
    let privcmd = xen::privcmd("control")?;
    let clock = Arc::new(SystemClock::new());
    let config = ControlConfig::new(privcmd.clone(), privcmd, store(site.store_socket.clone()), clock, site.run_dir.clone());
    Ok(ControlConfig {
        state_dir: site.state_dir.clone(),
        cache_dir: Some(site.cache_dir.join("kernels")),
        dump_limit_bytes: site.dump_limit_kib.saturating_mul(1024),
        console_socket: site.socket_of(Role::Console),
        ..config
    })
}

fn store(socket: PathBuf) -> Arc<Connect> {
    Arc::new(move || {
        let transport: Box<dyn Transport + Send> = Box::new(SocketTransport::new(UnixStream::connect(&socket)?));
        Ok(transport)
    })
}

fn served(error: &ServeError) -> Problem {
    let code = if matches!(error, ServeError::AlreadyRunning { .. }) { Code::AlreadyRunning } else { Code::Internal };
    problem(code, error)
}

fn problem(code: Code, error: &dyn Display) -> Problem {
    Problem::new(code, "role control", format!("role control: {error}"), "look with `xenith check`")
}
