//! The words of the command line. Each verb's and role's own words stand in its file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use xenith_api::client::Destination;
use xenith_api::latest::{Code, Problem};

use crate::context::Context;
use crate::{role, verb};

mod quick;

const AFTER: &str = "\
Examples:
  xenith check                      does this host have what it needs?
  xenith all                        run the daemon: store, console and control
  xenith create web.toml --console  create a domain and show its console
  xenith --host ssh://dom0 list     the domains of another host, where xenith runs too
  xenith help config                what a config file holds

A first word may come from the program's own name: xenith-store is `xenith store`.
Exit codes: 0 done, 1 a problem (one line on stderr: what, where, what to do, [code]), 2 wrong usage.";

/// Where sockets, locks and the journal lie where nothing else is said.
pub const RUN_DIR: &str = "/run/xenith";

/// A control plane for the Xen hypervisor.
#[derive(Debug, Parser)]
#[command(name = "xenith", version, disable_help_subcommand = true, after_help = AFTER)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub word: Word,
}

/// What every verb and role takes; helps show it behind the verb's own options.
#[derive(Debug, clap::Args)]
pub struct Global {
    /// The machine that is meant, reached by ssh: ssh://[USER@]HOST[:PORT]
    #[arg(long, global = true, value_name = "URL", display_order = 100, value_parser = Destination::parse)]
    pub host: Option<Destination>,
    /// The API's socket [default: api.sock in the run directory]
    #[arg(long, global = true, value_name = "PATH", display_order = 101)]
    pub socket: Option<PathBuf>,
    /// Answers and problems as JSON
    #[arg(long, global = true, display_order = 102)]
    pub json: bool,
    /// Where sockets, locks and the journal lie
    #[arg(long, global = true, value_name = "DIR", display_order = 103, default_value = RUN_DIR)]
    pub run_dir: PathBuf,
}

/// The first word.
#[derive(Debug, Subcommand)]
pub enum Word {
    Create(verb::create::Create),
    Apply(verb::apply::Apply),
    Start(verb::start::Start),
    List(verb::list::List),
    Show(verb::show::Show),
    Info(verb::info::Info),
    Dmesg(verb::dmesg::Dmesg),
    Cpupools(verb::cpupools::Cpupools),
    Console(verb::console::Console),
    Pause(verb::pause::Pause),
    Unpause(verb::unpause::Unpause),
    Shutdown(verb::shutdown::Shutdown),
    Reboot(verb::reboot::Reboot),
    Rename(verb::rename::Rename),
    Resize(verb::resize::Resize),
    Restart(verb::restart::Restart),
    Destroy(verb::destroy::Destroy),
    DumpCore(verb::dump_core::DumpCore),
    Crashes(verb::crashes::Crashes),
    Config(verb::config::Config),
    Adopt(verb::adopt::Adopt),
    Top(verb::top::Top),
    Events(verb::events::Events),
    Operations(verb::operations::Operations),
    Check(verb::check::Check),
    Doctor(verb::doctor::Doctor),
    Completion(verb::completion::Completion),
    Help(verb::help::Help),
    Dial(verb::dial::Dial),
    All(role::all::All),
    Control(role::control::Control),
    Store(role::store::Store),
}

impl Word {
    /// Does what the word says.
    pub fn run(&self, context: &Context) -> Result<ExitCode, Problem> {
        if let (Some(host), Some(word)) = (&context.host, self.of_this_machine()) {
            let title = format!("`xenith {word}` is about the machine that it runs on");
            return Err(Problem::new(Code::BadRequest, host.to_string(), title, format!("run it on {host} itself")));
        }
        let done = match self {
            Word::Create(word) => word.run(context),
            Word::Apply(word) => word.run(context),
            Word::Start(word) => word.run(context),
            Word::List(word) => word.run(context),
            Word::Show(word) => word.run(context),
            Word::Info(word) => word.run(context),
            Word::Dmesg(word) => word.run(context),
            Word::Cpupools(word) => word.run(context),
            Word::Console(word) => word.run(context),
            Word::Pause(word) => word.run(context),
            Word::Unpause(word) => word.run(context),
            Word::Shutdown(word) => word.run(context),
            Word::Reboot(word) => word.run(context),
            Word::Rename(word) => word.run(context),
            Word::Resize(word) => word.run(context),
            Word::Restart(word) => word.run(context),
            Word::Destroy(word) => word.run(context),
            Word::DumpCore(word) => word.run(context),
            Word::Crashes(word) => word.run(context),
            Word::Config(word) => word.run(context),
            Word::Adopt(word) => word.run(context),
            Word::Top(word) => word.run(context),
            Word::Events(word) => word.run(context),
            Word::Operations(word) => word.run(context),
            Word::Check(word) => return word.run(context),
            Word::Doctor(word) => return word.run(context),
            Word::Completion(word) => word.run(),
            Word::Help(word) => return word.run(),
            Word::Dial(word) => word.run(context),
            Word::All(word) => word.run(context),
            Word::Control(word) => word.run(context),
            Word::Store(word) => return word.run(context),
        };
        done.map(|()| ExitCode::SUCCESS)
    }

    /// The word, where it asks no daemon: it cannot be about another machine.
    fn of_this_machine(&self) -> Option<&'static str> {
        match self {
            Word::Check(_) => Some("check"),
            Word::Dial(_) => Some("dial"),
            Word::All(_) => Some("all"),
            Word::Control(_) => Some("control"),
            Word::Store(_) => Some("store"),
            Word::Console(word) if word.is_role() => Some("console"),
            _ => None,
        }
    }
}

/// Reads the command line; ends the process where it cannot be read, or asks for help only.
pub fn read(words: impl Iterator<Item = OsString>) -> Args {
    let words = with_role(words);
    quick::read(&words).unwrap_or_else(|| Args::parse_from(words))
}

/// The command line's own description, for help.
pub fn command() -> clap::Command {
    Args::command()
}

/// `xenith-store ...` is `xenith store ...`.
fn with_role(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.collect();
    let program = words.first().map(Path::new).and_then(Path::file_name).and_then(|name| name.to_str());
    if let Some(role) = program.and_then(|name| name.strip_prefix("xenith-")) {
        let role = role.into();
        words.insert(1, role);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(with_role(line.split(' ').map(OsString::from)))
    }

    #[test]
    fn the_description_is_sound() {
        command().debug_assert();
    }

    /// Read as the whole description reads it, and by that alone where it is wrong.
    #[track_caller]
    fn is_read_quickly_as(line: &str, whole: Option<&Args>) -> bool {
        let quick = quick::read(&with_role(line.split(' ').map(OsString::from)));
        assert!(quick.is_none() || format!("{quick:?}") == format!("{whole:?}"), "{line}: {quick:?}");
        quick.is_some()
    }

    #[test]
    fn frequent_words_are_read_quickly() {
        for line in
            ["xenith list", "xenith destroy web --json", "xenith-store --run-dir /r", "xenith create a.toml --paused --host ssh://a"]
        {
            assert!(is_read_quickly_as(line, Some(&parse(line).unwrap())), "{line}");
        }
        for line in ["xenith list --help", "xenith list more", "xenith --json list", "xenith help list", "xenith list --version"] {
            assert!(!is_read_quickly_as(line, parse(line).ok().as_ref()), "{line}");
        }
    }

    /// A command line and how the word that it is read as begins.
    #[test]
    fn words() {
        for (line, expected) in [
            ("xenith create a.toml --paused", "Create(Create { file: \"a.toml\", paused: true, console: false, dry_run: false })"),
            ("xenith list", "List(List)"),
            ("xenith console web --log", "Console(Console { name: Some(\"web\"), log: true"),
            ("xenith console", "Console(Console { name: None, log: false"),
            ("/usr/sbin/xenith-console --json", "Console(Console { name: None, log: false"),
            ("xenith-store", "Store(Store {"),
            ("xenith store read -R /a --socket /s", "Store(Store {"),
            ("xenith --json shutdown web --wait 5", "Shutdown(Shutdown { name: \"web\", wait: Some(5) })"),
            ("xenith shutdown web", "Shutdown(Shutdown { name: \"web\", wait: None })"),
            ("xenith resize web --memory 1GiB", "Resize(Resize { name: \"web\", memory: Some(1048576), vcpus: None })"),
            ("xenith help config", "Help(Help { topic: [\"config\"], man: None })"),
            ("xenith all", "All(All { ready_fd: None"),
        ] {
            let args = parse(line).unwrap();
            is_read_quickly_as(line, Some(&args));
            let word = format!("{:?}", args.word);
            assert!(word.starts_with(expected), "{line} is read as {word}");
        }
    }

    #[test]
    fn wrong_usage() {
        for line in [
            "xenith",
            "xenith creat a.toml",
            "xenith create",
            "xenith create a.toml --console --dry-run",
            "xenith console --log",
            "xenith shutdown web --wait -1",
            "xenith shutdown web --wait soon",
            "xenith store --log-level chatty",
            "xenith list --log-level info",
            "xenith pause",
            "xenith resize web",
            "xenith resize web --memory 512",
            "xenith resize web --vcpus -1",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
            is_read_quickly_as(line, None);
        }
    }

    #[test]
    fn options_may_stand_anywhere() {
        for line in ["xenith --socket /s --json list", "xenith list --json --socket /s"] {
            let global = parse(line).unwrap().global;
            assert_eq!((global.socket, global.json), (Some("/s".into()), true));
        }
    }
}
