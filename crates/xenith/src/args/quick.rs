//! A command line whose first word is known is read by that word's description alone: to describe all words takes half of the instructions and
//! a third of the pages of a short command, and roles keep the memory.
//!
//! What is wrong, asks for help or begins with an option is left to the whole description, and so is what it says about that.

use std::ffi::OsString;

use clap::{Args as _, Command, FromArgMatches as _};

use super::{Args, Global};
use crate::{role, verb};

/// A word, and what follows it.
type Described = (&'static str, fn(Command) -> Command);

/// The words that are called again and again, and the roles.
const WORDS: &[Described] = &[
    ("create", verb::create::Create::augment_args),
    ("list", verb::list::List::augment_args),
    ("info", verb::info::Info::augment_args),
    ("pause", verb::pause::Pause::augment_args),
    ("unpause", verb::unpause::Unpause::augment_args),
    ("shutdown", verb::shutdown::Shutdown::augment_args),
    ("reboot", verb::reboot::Reboot::augment_args),
    ("destroy", verb::destroy::Destroy::augment_args),
    ("console", verb::console::Console::augment_args),
    ("all", role::all::All::augment_args),
    ("control", role::control::Control::augment_args),
    ("store", role::store::Store::augment_args),
];

/// The arguments, where there is nothing to say about them.
pub(super) fn read(words: &[OsString]) -> Option<Args> {
    let word = words.get(1)?.to_str()?;
    let (name, described) = WORDS.iter().find(|(name, _)| *name == word)?;
    let command = Global::augment_args(Command::new("xenith")).subcommand(described(Command::new(*name)));
    Args::from_arg_matches(&command.try_get_matches_from(words).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    #[test]
    fn words_are_those_of_the_whole_description() {
        let whole = command();
        for (name, _) in WORDS {
            assert!(whole.find_subcommand(name).is_some(), "{name}");
        }
    }
}
