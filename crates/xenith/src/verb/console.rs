//! `xenith console`.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use xenith_api::client::{Console as Attached, Heard};
use xenith_api::latest::{Code, Problem};

use crate::context::{self, Context};
use crate::terminal::Raw;
use crate::{complete, role, signals};

/// Attach to a domain's console; without NAME, run the console role
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith console web               attach: the last 64 KiB come first; Ctrl-] leaves\n  \
    xenith console web --log         print the log, and end\n  \
    xenith console                   the role that drains every domain's console (started by `xenith all`)\n\n\
    Where standard input is no terminal, its bytes go to the domain as they are; at its end the console is shown on.")]
pub struct Console {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: Option<String>,
    /// Print the log, and end
    #[arg(long, requires = "name")]
    log: bool,
    #[command(flatten)]
    options: role::Options,
}

impl Console {
    /// Whether the role is meant.
    pub fn is_role(&self) -> bool {
        self.name.is_none()
    }

    /// The role, the log, or the console.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        match &self.name {
            None => role::console::run(&self.options.site(context)),
            Some(name) if self.log => print_log(context, name),
            Some(name) => attach(context, name),
        }
    }
}

fn print_log(context: &Context, name: &str) -> Result<(), Problem> {
    let log = context.client().console_log(name)?;
    if context.json {
        let log = serde_json::json!({ "id": name, "log": String::from_utf8_lossy(&log) });
        return context.answer(&log, |_| String::new());
    }
    context::print(&log)
}

/// Joins terminal and console until one of them ends.
pub fn attach(context: &Context, name: &str) -> Result<(), Problem> {
    let console = context.client().console(name)?;
    let end = signals::end_of_session()?;
    let raw = Raw::enter();
    if raw.is_terminal() {
        note(&format!("attached to {name}; Ctrl-] leaves\r\n"));
    }
    let mut session = Session { console, escape: raw.is_terminal(), typing: true };
    let result = session.run(&end);
    let by_hand = raw.is_terminal();
    drop(raw);
    match result? {
        Some(reason) => note(&format!("\nconsole of {name} ended: {reason}\n")),
        None if by_hand => note("\n"),
        None => (),
    }
    Ok(())
}

fn note(text: &str) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(text.as_bytes());
}

struct Session {
    console: Attached,
    /// Whether Ctrl-] leaves: only a person types it.
    escape: bool,
    /// Whether standard input has not ended.
    typing: bool,
}

/// Ctrl-], as `xl console` has it.
const ESCAPE: u8 = 0x1d;

impl Session {
    /// Ends with the other side's reason; none where we left.
    fn run(&mut self, end: &impl AsFd) -> Result<Option<String>, Problem> {
        let input = std::io::stdin();
        loop {
            if let Some(reason) = self.hear()? {
                return Ok(Some(reason));
            }
            let to_console = if self.console.unsent() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            // What was typed waits in the terminal until the domain takes what it was sent.
            let from_input = if self.typing && !self.console.unsent() { PollFlags::IN } else { PollFlags::empty() };
            let mut fds = [PollFd::new(end, PollFlags::IN), PollFd::new(&self.console, to_console), PollFd::new(&input, from_input)];
            let polled = poll(if self.typing { &mut fds } else { fds.split_at_mut(2).0 }, None);
            let ready = fds.map(|fd| fd.revents());
            match polled {
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(Problem::new(Code::Internal, "console", format!("cannot wait: {error}"), "report this")),
                Ok(_) => (),
            }
            let [end, console, input] = ready;
            if !end.is_empty() {
                return Ok(None);
            }
            if console.contains(PollFlags::OUT) {
                self.console.flush()?;
            }
            if !input.is_empty() && !self.type_on()? {
                return Ok(None);
            }
        }
    }

    /// Shows what came; the reason where the other side ended.
    fn hear(&mut self) -> Result<Option<String>, Problem> {
        loop {
            match self.console.hear()? {
                Heard::Bytes(bytes) => context::print(&bytes)?,
                Heard::Nothing => return Ok(None),
                Heard::End(reason) => return Ok(Some(reason.unwrap_or_else(|| "the domain is gone".to_owned()))),
            }
        }
    }

    /// Sends what was typed; false where that leaves the console.
    fn type_on(&mut self) -> Result<bool, Problem> {
        let mut typed = [0; 4096];
        // Straight from the descriptor: what a buffer of ours held back would never poll readable.
        let count = rustix::io::read(std::io::stdin(), &mut typed).unwrap_or(0);
        let typed = typed.get(..count).unwrap_or(&[]);
        self.typing = count > 0;
        let (send, leave) = until_escape(typed, self.escape);
        if !send.is_empty() {
            self.console.say(send)?;
        }
        Ok(!leave)
    }
}

/// What to send, and whether the escape came.
fn until_escape(typed: &[u8], escape: bool) -> (&[u8], bool) {
    match typed.iter().position(|byte| escape && *byte == ESCAPE) {
        Some(at) => (typed.get(..at).unwrap_or(&[]), true),
        None => (typed, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_escape_leaves_only_a_terminal() {
        assert_eq!(until_escape(b"ab\x1dc", true), (&b"ab"[..], true));
        assert_eq!(until_escape(b"ab\x1dc", false), (&b"ab\x1dc"[..], false));
        assert_eq!(until_escape(b"abc", true), (&b"abc"[..], false));
    }
}
