//! `xenith help`.

use std::process::ExitCode;

use xenith_api::file;
use xenith_api::latest::{Code, Problem};

use crate::{args, context};

/// Show help: of a verb, or of the config file
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith help config               every key of a config file, with an example\n  \
    xenith help create")]
pub struct Help {
    /// `config`, or a verb
    topic: Option<String>,
}

impl Help {
    /// Prints it.
    pub fn run(&self) -> Result<ExitCode, Problem> {
        let mut command = args::command();
        command.build();
        let text = match self.topic.as_deref() {
            None => command.render_help().to_string(),
            Some("config") => file::help::text(),
            Some(topic) => {
                let verb = command.find_subcommand_mut(topic).ok_or_else(|| unknown(topic))?;
                verb.render_help().to_string()
            }
        };
        context::print(text.as_bytes()).map(|()| ExitCode::SUCCESS)
    }
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
        for verb in command.get_subcommands_mut() {
            page += &format!("\n## xenith {}\n\n```text\n{}```\n", verb.get_name().to_owned(), verb.render_help());
        }
        page.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }
}
