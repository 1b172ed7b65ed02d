//! `xenith help`.

use std::path::PathBuf;
use std::process::ExitCode;

use xenith_api::file;
use xenith_api::latest::{Code, Problem};

use crate::{args, context};

pub mod man;

/// Show help: of a verb, or of the config file; or write the manual's pages
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith help config               every key of a config file, with an example\n  \
    xenith help create\n  \
    xenith help --man /usr/local/share/man/man1    a page for every verb")]
pub struct Help {
    /// `config`, or a verb; `store ls` is a verb of two words
    topic: Vec<String>,
    /// Write the manual's pages into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "topic")]
    man: Option<PathBuf>,
}

impl Help {
    /// Prints it.
    pub fn run(&self) -> Result<ExitCode, Problem> {
        let mut command = args::command();
        command.build();
        if let Some(directory) = &self.man {
            return man::write(&command, directory).map(|()| ExitCode::SUCCESS);
        }
        let text = match self.topic.as_slice() {
            [topic] if topic == "config" => file::help::text(),
            words => of_command(&mut command, words)?,
        };
        context::print(text.as_bytes()).map(|()| ExitCode::SUCCESS)
    }
}

/// What `--help` says after these words.
fn of_command(command: &mut clap::Command, words: &[String]) -> Result<String, Problem> {
    let Some((first, rest)) = words.split_first() else { return Ok(command.render_help().to_string()) };
    let verb = command.find_subcommand_mut(first).ok_or_else(|| unknown(first))?;
    of_command(verb, rest)
}

fn unknown(topic: &str) -> Problem {
    let title = format!("there is no help on {topic:?}");
    Problem::new(Code::BadRequest, "help", title, "ask for config, or for a verb that `xenith help` lists")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manual's page of the command line is what `--help` says.
    #[test]
    fn the_manual_is_current() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/interfaces/command-line.md");
        let current = manual();
        if std::env::var_os("XENITH_WRITE_DOCS").is_some() {
            std::fs::write(page, &current).unwrap();
        }
        let committed = std::fs::read_to_string(page).unwrap_or_default();
        assert!(committed == current, "docs/interfaces/command-line.md is not current; run XENITH_WRITE_DOCS=1 cargo test -p xenith");
    }

    fn manual() -> String {
        let mut command = args::command();
        command.build();
        let mut page = format!(
            "# The command line\n\nThis page is what `--help` says; a test compares them.\n\n```text\n{}```\n",
            command.render_help()
        );
        write_commands("##", &mut command, &mut page);
        page.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    /// A section for each command and, one level down, for its own.
    fn write_commands(heading: &str, command: &mut clap::Command, page: &mut String) {
        for verb in command.get_subcommands_mut() {
            let name = verb.get_bin_name().unwrap_or_default().to_owned();
            *page += &format!("\n{heading} {name}\n\n```text\n{}```\n", verb.render_help());
            write_commands(&format!("#{heading}"), verb, page);
        }
    }
}
