//! `xenith apply`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xenith_api::client::{Applied, Apply as How, Stored};
use xenith_api::file::ConfigFile;
use xenith_api::latest::{Code, Problem};

use super::{create, file};
use crate::context::Context;

/// Store configs and start what does not run; a second apply does nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith apply /etc/xenith/domains              every *.toml of the directory, in the order of their names\n  \
    xenith apply /etc/xenith/domains --dry-run    what would be done, key by key\n  \
    xenith apply web.toml --store-only            counts from the next start on\n\
What runs goes on as it is: a change counts from its next start on. What no file names is left alone.")]
pub struct Apply {
    /// A config, TOML, or a directory of them
    path: PathBuf,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Start nothing
    #[arg(long)]
    store_only: bool,
}

/// As long as a create may take.
const PATIENCE: Duration = Duration::from_secs(600);

impl Apply {
    /// Reads every file before anything is done.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let how = How { dry_run: self.dry_run, store_only: self.store_only };
        let client = context.patient_client(PATIENCE);
        let mut all = Vec::new();
        for (path, config) in read(&self.path)? {
            let applied = create::with_progress(context, &config.config.name, || client.apply(&config.config, how));
            let applied = applied.map_err(|problem| file::located(problem, &config, &path))?;
            if !context.json {
                crate::context::print(text(&applied, self.dry_run).as_bytes())?;
            }
            all.push(applied);
        }
        if context.json { context.answer(&all, |_| String::new()) } else { Ok(()) }
    }
}

fn read(path: &Path) -> Result<Vec<(PathBuf, ConfigFile)>, Problem> {
    let paths = if path.is_dir() { directory(path).map_err(|error| file::unreadable(path, &error))? } else { vec![path.to_owned()] };
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut all = Vec::new();
    for path in paths {
        let config = file::read(&path)?;
        if let Some(other) = names.insert(config.config.name.clone(), path.clone()) {
            let (name, other, shown) = (&config.config.name, other.display(), path.display().to_string());
            let title = format!("{shown}: the domain {name} stands in {other} as well");
            return Err(Problem::new(Code::ConfigInvalid, shown, title, "keep one of the two"));
        }
        all.push((path, config));
    }
    Ok(all)
}

fn directory(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries: Result<Vec<PathBuf>, _> = std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut all: Vec<PathBuf> = entries?.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "toml")).collect();
    all.sort();
    Ok(all)
}

fn text(applied: &Applied, dry_run: bool) -> String {
    let name = &applied.name;
    let would = if dry_run { "would be " } else { "" };
    let mut text = String::new();
    match applied.stored {
        Stored::New => text += &format!("{name}: {would}stored\n"),
        Stored::Changed => text += &format!("{name}: {would}changed\n"),
        Stored::Same => {}
    }
    applied.differences.iter().for_each(|difference| text += &format!("{name}:   {difference}\n"));
    if applied.started {
        text += &format!("{name}: {would}started\n");
    }
    if applied.pending {
        text += &format!("{name}: runs as it was started; this counts from its next start on\n");
    }
    if text.is_empty() { format!("{name}: nothing to do\n") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told() {
        let applied = |stored, differences: &str, started, pending| Applied {
            name: "web".to_owned(),
            stored,
            differences: serde_json::from_str(differences).unwrap(),
            started,
            pending,
        };
        let vcpus = r#"[{"key":"vcpus","from":"1","to":"2"}]"#;
        for (one, dry_run, expected) in [
            (applied(Stored::New, "[]", true, false), false, "web: stored\nweb: started\n"),
            (applied(Stored::New, "[]", true, false), true, "web: would be stored\nweb: would be started\n"),
            (
                applied(Stored::Changed, vcpus, false, true),
                false,
                "web: changed\nweb:   vcpus: 1 -> 2\nweb: runs as it was started; this counts from its next start on\n",
            ),
            (applied(Stored::Same, "[]", false, false), true, "web: nothing to do\n"),
        ] {
            assert_eq!(text(&one, dry_run), expected);
        }
    }

    #[test]
    fn a_directory_is_read_whole_before_anything_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, domain: &str| {
            let text = format!("name = \"{domain}\"\nmemory = \"64MiB\"\n[boot]\nkernel = \"/vmlinuz\"\n");
            std::fs::write(dir.path().join(name), text).unwrap();
        };
        write("b.toml", "b");
        write("a.toml", "a");
        write("c.txt", "c");
        let names = |all: Vec<(PathBuf, ConfigFile)>| all.into_iter().map(|(_, file)| file.config.name).collect::<Vec<_>>();
        assert_eq!(names(read(dir.path()).unwrap()), ["a", "b"]);
        write("d.toml", "a");
        assert_eq!(read(dir.path()).unwrap_err().code, Code::ConfigInvalid);
        write("d.toml", "");
        assert_eq!(read(dir.path()).unwrap_err().complaints.len(), 1);
        assert_eq!(read(&dir.path().join("none")).unwrap_err().code, Code::FileUnreadable);
    }
}
