//! What a shell may write next: asked by the scripts of `xenith completion`, answered by the command line's own description.
//!
//! ```text
//!   TAB --> script --XENITH_COMPLETE=SHELL xenith -- WORDS--> clap's engine --+-- words and options
//!                                                                            +-- names --> the daemon, which has a moment to answer
//! ```
//!
//! Names are those of this moment. A daemon that is silent, or none, is no problem of who types: then there are no names.

use clap::Command;
use clap_complete::CompleteEnv;
use clap_complete::env::{Fish, Shells, Zsh};

use crate::args;

mod bash;
mod names;

pub use names::{configs, crashes, domains, operations};

/// Set by the scripts, to the shell's name.
const VARIABLE: &str = "XENITH_COMPLETE";

/// The shells that can ask.
const SHELLS: Shells<'static> = Shells(&[&bash::Bash, &Zsh, &Fish]);

/// Answers a shell and ends the process, where it was a shell that asked.
pub fn answer() {
    CompleteEnv::with_factory(description).var(VARIABLE).shells(SHELLS).complete();
}

/// The script that makes this shell ask; none where it is not known.
pub fn script(shell: &str) -> Option<std::io::Result<Vec<u8>>> {
    let mut text = Vec::new();
    let written = SHELLS.completer(shell)?.write_registration(VARIABLE, "xenith", "xenith", "xenith", &mut text);
    Some(written.map(|()| text))
}

/// The command line as a shell is told it: options come up once their first dash is typed, or where there is nothing else to say.
fn description() -> Command {
    let mut command = args::command();
    command.build();
    options_last(command)
}

fn options_last(command: Command) -> Command {
    let command = command.mut_args(|arg| if arg.is_positional() { arg } else { arg.hide(true) });
    command.mut_subcommands(options_last)
}

#[cfg(test)]
mod tests {
    use clap_complete::ArgValueCandidates;

    use super::*;

    /// A verb that takes the name of something offers what there is.
    #[test]
    fn whatever_has_a_name_is_offered() {
        let (mut open, mut found) = (vec![args::command()], 0);
        while let Some(command) = open.pop() {
            for arg in command.get_positionals() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                if ["The domain's name", "The name of a stored", "One of them, by its id"].iter().any(|named| help.starts_with(named)) {
                    assert!(arg.get::<ArgValueCandidates>().is_some(), "{} {}: {help}", command.get_name(), arg.get_id());
                    found += 1;
                }
            }
            open.extend(command.get_subcommands().cloned());
        }
        assert!(found >= 14, "{found}");
    }
}
