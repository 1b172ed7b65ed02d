//! `xenith store handback`.

use std::fs;
use std::path::{Path, PathBuf};

use xenith_api::latest::{Code, Problem};

use super::place::Place;
use super::successor::{Change, Limits, Make, Running};
use crate::context::Context;

/// Give the store back to a C xenstored: domains, sockets and watches go on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store handback --dry-run                      what would happen\n  \
    xenith store handback --program /usr/lib/xen-4.20/bin/xenstored\n  \
    xenith store handback -- --pid-file /run/xenstored/xenstored.pid\n\n\
    New transactions wait while those that are open end. Depths of watches and DOMID_ANY mean nothing to C xenstored before 4.22.\n\
    See docs/interfaces/takeover.md.")]
pub struct Handback {
    #[command(flatten)]
    limits: Limits,
    /// The xenstored to run [default: the only one below /usr/lib/xen-*/bin]
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// Its words [default: those of the daemon that was taken over]
    #[arg(last = true, value_name = "WORD")]
    words: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl Handback {
    /// Does it, or says what would happen.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let store = self.limits.connect(&self.place)?;
        let running = Running::behind(&store)?;
        if running.make != Make::Xenith {
            let title = format!("store: {}: it is not ours to give back", running.name());
            return Err(Problem::new(Code::StoreRefused, "store", title, "nothing is to be done"));
        }
        let program = self.program.clone().map_or_else(|| only_one(Path::new("/usr/lib")), Ok)?;
        let words = (!self.words.is_empty()).then(|| self.words.clone());
        let notes = vec!["limits and features set for one domain alone are kept by C xenstored 4.22 and later only".to_owned()];
        Change::new(running, &program, words, notes)?.carry_out(store, self.limits, context)
    }
}

/// The C xenstored of this host.
fn only_one(lib: &Path) -> Result<PathBuf, Problem> {
    let entries = fs::read_dir(lib).into_iter().flatten().flatten();
    let of_xen = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("xen-"));
    let mut found: Vec<PathBuf> = of_xen.map(|entry| entry.path().join("bin/xenstored")).filter(|path| path.is_file()).collect();
    match (found.pop(), found.is_empty()) {
        (Some(program), true) => Ok(program),
        (None, _) => Err(unnamed("there is no xenstored below /usr/lib/xen-*/bin")),
        _ => Err(unnamed("there are several xenstored below /usr/lib/xen-*/bin")),
    }
}

fn unnamed(what: &str) -> Problem {
    Problem::new(Code::BadRequest, "store", format!("store: {what}"), "name it with --program")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_one_or_none() {
        let lib = tempfile::tempdir().unwrap();
        assert!(only_one(lib.path()).is_err());
        for (release, is_only) in [("4.17", true), ("4.20", false)] {
            let bin = lib.path().join(format!("xen-{release}/bin"));
            fs::create_dir_all(&bin).unwrap();
            fs::write(bin.join("xenstored"), "").unwrap();
            assert_eq!(only_one(lib.path()).is_ok(), is_only, "{release}");
        }
    }
}
