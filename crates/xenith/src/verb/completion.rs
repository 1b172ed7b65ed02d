//! `xenith completion`.

use clap::ValueEnum;
use xenith_api::latest::{Code, Problem};

use crate::{complete, context};

/// Print the script that makes a shell complete xenith's words, with the names of this moment
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    source <(xenith completion bash)                                                      for this shell; in ~/.bashrc, for every one\n  \
    xenith completion bash > /usr/share/bash-completion/completions/xenith\n  \
    xenith completion zsh > /usr/share/zsh/vendor-completions/_xenith\n  \
    xenith completion fish > /usr/share/fish/vendor_completions.d/xenith.fish\n\n\
    The script asks xenith itself at every TAB, and xenith the daemon where a name is due: what is offered exists. Print it again when xenith is\n\
    replaced by another release.")]
pub struct Completion {
    /// Which shell
    shell: Shell,
}

/// Shells that have a script.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completion {
    /// Prints it.
    pub fn run(&self) -> Result<(), Problem> {
        let shell = self.shell.to_possible_value();
        let script = shell.as_ref().and_then(|shell| complete::script(shell.get_name()));
        let unwritten = |why: String| Problem::new(Code::Internal, "completion", format!("there is no script: {why}"), "report this");
        let script = script.ok_or_else(|| unwritten("the shell is not known".to_owned()))?;
        context::print(&script.map_err(|error| unwritten(error.to_string()))?)
    }
}
