//! One static binary: the roles and the command line.
//!
//! ```text
//!   argv --args--> Word --+-- verb/VERB.rs   one request to the daemon, one answer on the screen
//!                         +-- role/ROLE.rs   open the nodes, take the lock, serve until SIGTERM
//!                         +-- role/all/      start, adopt, restart and stop the roles
//! ```
//!
//! A shell that completes a line is answered before anything else: complete/. With `-U` among its words, whatever its name, it takes over from another xenstored: role/store/takeover.rs.
//!
//! It decides nothing about domains. Failures are [`Problem`](xenith_api::latest::Problem)s, told once, by [`failure`].

use std::process::ExitCode;

mod args;
mod complete;
mod context;
mod failure;
mod logging;
mod role;
mod signals;
mod table;
mod terminal;
mod verb;

fn main() -> ExitCode {
    complete::answer();
    if let Some(words) = role::store::takeover::Words::of(std::env::args_os()) {
        return role::store::takeover::run(&words);
    }
    let args = args::read(std::env::args_os());
    let context = context::Context::new(&args.global);
    match args.word.run(&context) {
        Ok(code) => code,
        Err(problem) => {
            failure::tell(&problem, context.json);
            ExitCode::FAILURE
        }
    }
}
