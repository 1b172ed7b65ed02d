//! A config file as a verb takes it: read, or every complaint with its line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use xenith_api::file::{self, ConfigFile};
use xenith_api::latest::{Code, Problem};

/// A config is text that somebody typed.
const FILE_MAX: u64 = 1 << 20;

/// Reads a config file.
pub fn read(path: &Path) -> Result<ConfigFile, Problem> {
    let shown = path.display().to_string();
    let text = text_of(path).map_err(|error| unreadable(path, &error))?;
    file::parse(&text).map_err(|complaints| {
        let code = if complaints.iter().any(|c| c.code == Code::ConfigSyntax) { Code::ConfigSyntax } else { Code::ConfigInvalid };
        let title = format!("{shown}: {} to correct", complaints.len());
        Problem { complaints, ..Problem::new(code, shown, title, "correct the named lines") }
    })
}

/// A file or directory that cannot be read.
pub fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let shown = path.display().to_string();
    let title = format!("cannot read {shown}: {error}");
    Problem::new(Code::FileUnreadable, shown, title, "name a config file that you may read")
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(FILE_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(length).is_ok_and(|length| length <= FILE_MAX) { Ok(text) } else { Err(io::ErrorKind::FileTooLarge.into()) }
}

/// The daemon's complaints name keys; the file says on which line each stands.
pub fn located(mut problem: Problem, config: &ConfigFile, path: &Path) -> Problem {
    if !problem.complaints.is_empty() {
        config.locate(&mut problem.complaints);
        problem.subject = path.display().to_string();
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use xenith_api::latest::Complaint;

    #[test]
    fn complaints_of_the_daemon_are_located() {
        let config = file::parse("name = \"web\"\nmemory = \"64MiB\"\n[boot]\nkernel = \"/vmlinuz\"\n").unwrap();
        let mut problem = Problem::new(Code::ConfigInvalid, "domain web", "t", "a");
        problem.complaints = vec![Complaint::new(Code::FileUnreadable, "boot.kernel", "is not there")];
        let problem = located(problem, &config, Path::new("web.toml"));
        assert_eq!((problem.subject.as_str(), problem.complaints[0].line), ("web.toml", Some(4)));
    }
}
