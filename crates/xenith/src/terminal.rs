//! Raw mode of the terminal, given back whatever happens.

use std::io::{IsTerminal, Stdin, stdin};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Standard input in raw mode until dropped; of no effect where it is no terminal.
pub struct Raw {
    input: Stdin,
    before: Option<Termios>,
}

impl Raw {
    /// Every key goes to the reader, Ctrl-C included.
    pub fn enter() -> Raw {
        let input = stdin();
        let before = if input.is_terminal() { tcgetattr(&input).ok() } else { None };
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.make_raw();
            // A terminal that refuses stays as it was, which is worse to use and harms nothing.
            let _ = tcsetattr(&input, OptionalActions::Now, &raw);
        }
        Raw { input, before }
    }

    /// Whether a person types.
    pub fn is_terminal(&self) -> bool {
        self.before.is_some()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(&self.input, OptionalActions::Now, before);
        }
    }
}
