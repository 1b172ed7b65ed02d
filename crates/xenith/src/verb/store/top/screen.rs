//! A terminal that is drawn anew, and given back as it was. Elsewhere only the waiting.

use std::io::{IsTerminal, stdin, stdout};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::tcgetwinsize;
use xenith_api::latest::{Code, Problem};

use crate::context::{Context, print};
use crate::failure;
use crate::signals;
use crate::terminal::Raw;

/// ECMA-48 and xterm: the other screen, no cursor; and back.
const BEGIN: &str = "\x1b[?1049h\x1b[?25l";
const END: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const END_OF_LINE: &str = "\x1b[K\r\n";
const REST: &str = "\x1b[J";

/// Why waiting is over.
#[derive(Debug, PartialEq, Eq)]
pub enum Woken {
    /// It is time.
    Time,
    /// It shall end: q, Ctrl-C, a signal.
    End,
}

/// Where tables appear.
pub struct Screen {
    /// Standard input where somebody can type: keys come at once, and are not shown.
    keys: Option<Raw>,
    end: OwnedFd,
    live: bool,
    /// That the store is away.
    told: bool,
}

impl Screen {
    /// Takes the terminal, if one is wanted and there is one.
    pub fn enter(wanted: bool) -> Result<Screen, Problem> {
        let live = wanted && stdout().is_terminal();
        let end = signals::end_of_session()?;
        let keys = live.then(Raw::enter).filter(Raw::is_terminal);
        if live {
            print(BEGIN.as_bytes())?;
        }
        Ok(Screen { keys, end, live, told: false })
    }

    /// Whether tables are drawn in place.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Draws what fits.
    pub fn draw(&mut self, text: &str) -> Result<(), Problem> {
        let size = tcgetwinsize(stdout());
        let (rows, columns) = size.map_or((24, 80), |size| (usize::from(size.ws_row), usize::from(size.ws_col)));
        print(drawn(text, rows, columns).as_bytes())
    }

    /// No store answers: a line in place of the table, or on standard error, there once.
    pub fn lost(&mut self, context: &Context) -> Result<(), Problem> {
        let problem = Problem::new(Code::StoreUnreachable, "store", "the store closed the connection", "waiting for it to come back");
        if self.live {
            return self.draw(&format!("{}; {}", problem.detail, problem.advice));
        }
        if !std::mem::replace(&mut self.told, true) {
            failure::tell(&problem, context.json);
        }
        Ok(())
    }

    /// Waits for the time, a key or a signal.
    pub fn wait(&mut self, time: Duration) -> Woken {
        let input = stdin();
        let mut fds = [PollFd::new(&self.end, PollFlags::IN), PollFd::new(&input, PollFlags::IN)];
        let fds = if self.keys.is_some() { &mut fds[..] } else { fds.split_at_mut(1).0 };
        let time = Timespec::try_from(time).ok();
        let _ = poll(fds, time.as_ref());
        match fds {
            [end, ..] if !end.revents().is_empty() => Woken::End,
            [_, keys] if !keys.revents().is_empty() => leaving(&input),
            _ => Woken::Time,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.live {
            // The terminal may be gone, and nobody is left to be told.
            let _ = print(END.as_bytes());
        }
    }
}

/// Any other key only draws again, sooner.
fn leaving(input: &std::io::Stdin) -> Woken {
    let mut typed = [0; 64];
    let count = rustix::io::read(input, &mut typed).unwrap_or(0);
    let leaves = |byte: &u8| matches!(byte, b'q' | b'Q' | 3 | 4);
    if count == 0 || typed.iter().take(count).any(leaves) { Woken::End } else { Woken::Time }
}

/// As many lines as there are rows, each as long as there are columns, over whatever was there.
fn drawn(text: &str, rows: usize, columns: usize) -> String {
    let lines: Vec<String> = text.lines().take(rows.saturating_sub(1)).map(|line| line.chars().take(columns).collect()).collect();
    format!("{HOME}{}{END_OF_LINE}{REST}", lines.join(END_OF_LINE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_drawn() {
        assert_eq!(drawn("abc\ndef\nghi\n", 3, 2), "\x1b[Hab\x1b[K\r\nde\x1b[K\r\n\x1b[J");
        assert_eq!(drawn("a\n", 24, 80), "\x1b[Ha\x1b[K\r\n\x1b[J");
    }
}
