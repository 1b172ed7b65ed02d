//! A private apt for one suite: its own sources line, lists and cache, an empty status, no root needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, anyhow, bail};

use super::manifest::{Manifest, Package};
use super::mirror;
use crate::cache::{Cache, sha256_of};
use crate::progress::Progress;

/// Where Debian keeps the keys of all its releases; named in the sources line because newer systems trust no key for every archive.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// More packages than this in one fetch are told as a number.
const TOLD_ONE_BY_ONE: usize = 4;

/// What apt says of a suite that an archive no longer carries, as opposed to an archive out of reach.
const GONE: [&str; 3] = ["does not have a Release file", "no longer has a Release file", "404  Not Found"];

/// The mirror answers, and does not have the suite.
#[derive(Debug, thiserror::Error)]
#[error("suite {suite} is gone from the mirror: {reason}")]
pub struct Gone {
    /// The suite's code name.
    pub suite: String,
    /// apt's words.
    pub reason: String,
}

/// One Debian suite on the system's mirror. Every method asks the network only for what the cache does not have.
pub struct Suite {
    name: String,
    apt: PathBuf,
    debs: PathBuf,
    manifest: Manifest,
    updated: bool,
    progress: Progress,
}

impl Suite {
    /// Opens a suite by its code name; the mirror is looked for when the network is needed.
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn open(name: &str, cache: &Cache, progress: &Progress) -> Result<Self> {
        let apt = cache.directory(&format!("apt/{name}"))?;
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(apt.join(part)).with_context(|| format!("create {}/{part}", apt.display()))?;
        }
        let debs = cache.directory(&format!("packages/{name}"))?;
        let manifest = Manifest::load(&debs);
        Ok(Self { name: name.to_owned(), apt, debs, manifest, updated: false, progress: progress.clone() })
    }

    /// Where a fetched package's file is.
    pub fn file(&self, package: &Package) -> PathBuf {
        self.debs.join(&package.file)
    }

    /// The package that a metapackage like `linux-image-amd64` stands for now: its first dependency of the same family.
    ///
    /// # Errors
    /// When the suite does not have the metapackage, or is gone.
    pub fn resolve(&mut self, metapackage: &str, family: &str) -> Result<String> {
        let question = format!("resolve {metapackage}");
        if let Some(Some(answer)) = self.manifest.answers.get(&question).map(|answer| answer.first()) {
            return Ok(answer.clone());
        }
        self.update()?;
        let text = self.run("apt-cache", &["show", "--no-all-versions", metapackage])?;
        let depends = text.lines().find_map(|line| line.strip_prefix("Depends: ")).unwrap_or_default();
        let mut names = depends.split(',').filter_map(|item| item.split_whitespace().next());
        let answer = names.find(|name| name.starts_with(family)).map(str::to_owned);
        let answer = answer.ok_or_else(|| anyhow!("{metapackage} of {}: no dependency named {family}*", self.name))?;
        self.remember(question, vec![answer])?.into_iter().next().ok_or_else(|| anyhow!("{metapackage}: no answer"))
    }

    /// Everything a set of packages needs to run, recommendations left out: what apt would install on an empty system.
    ///
    /// # Errors
    /// When apt cannot satisfy the set, or the suite is gone.
    pub fn closure(&mut self, names: &[String]) -> Result<Vec<String>> {
        let question = format!("closure {}", names.join(" "));
        if let Some(answer) = self.manifest.answers.get(&question) {
            return Ok(answer.clone());
        }
        self.update()?;
        let mut arguments = vec!["--print-uris", "-qq", "-y", "--no-install-recommends", "install"];
        arguments.extend(names.iter().map(String::as_str));
        let text = self.run("apt-get", &arguments)?;
        let files = text.lines().filter_map(|line| line.split_whitespace().nth(1));
        let answer = files.filter_map(|file| file.split('_').next()).map(str::to_owned).collect();
        self.remember(question, answer)
    }

    /// Fetches packages by name and records the sha256 seen. apt checks each against the suite's signed index.
    ///
    /// # Errors
    /// When a package is not in the suite, or the suite is gone from the mirror.
    pub fn fetch(&mut self, names: &[String]) -> Result<Vec<Package>> {
        let missing: Vec<&str> = names.iter().filter(|name| self.manifest.have(&self.debs, name).is_none()).map(String::as_str).collect();
        if !missing.is_empty() {
            self.update()?;
            self.progress.step(format!("{}: fetch {}", self.name, brief(&missing)));
            let mut arguments = vec!["download", "-qq"];
            arguments.extend(&missing);
            self.run("apt-get", &arguments)?;
            self.record(&missing)?;
        }
        names.iter().map(|name| self.manifest.have(&self.debs, name).ok_or_else(|| anyhow!("{name}: not fetched"))).collect()
    }

    /// Fetches one package.
    ///
    /// # Errors
    /// As for [`Suite::fetch`].
    pub fn fetch_one(&mut self, name: &str) -> Result<Package> {
        self.fetch(&[name.to_owned()])?.into_iter().next().ok_or_else(|| anyhow!("{name}: not fetched"))
    }

    fn record(&mut self, names: &[&str]) -> Result<()> {
        for name in names {
            let file = self.newest(name)?;
            let path = self.debs.join(&file);
            let output = Command::new("dpkg-deb").args(["-f"]).arg(&path).arg("Version").output().context("start dpkg-deb")?;
            let version = succeeded(&format!("dpkg-deb -f {file}"), output)?.trim().to_owned();
            let package = Package { name: (*name).to_owned(), version, file, sha256: sha256_of(&path)? };
            if names.len() <= TOLD_ONE_BY_ONE {
                self.progress.note(format!("{}: {} {} sha256 {}", self.name, package.name, package.version, package.sha256));
            }
            self.manifest.packages.insert((*name).to_owned(), package);
        }
        if names.len() > TOLD_ONE_BY_ONE {
            self.progress.note(format!("{}: {} packages, their sha256 in {}/manifest.json", self.name, names.len(), self.debs.display()));
        }
        self.manifest.save(&self.debs)
    }

    fn newest(&self, name: &str) -> Result<String> {
        let start = format!("{name}_");
        let entries = fs::read_dir(&self.debs).with_context(|| format!("list {}", self.debs.display()))?.flatten();
        let files = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&start));
        let newest = files.max_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok());
        newest.map(|entry| entry.file_name().to_string_lossy().into_owned()).ok_or_else(|| anyhow!("{name}: apt-get download left no file"))
    }

    fn remember(&mut self, question: String, answer: Vec<String>) -> Result<Vec<String>> {
        self.manifest.answers.insert(question, answer.clone());
        self.manifest.save(&self.debs)?;
        Ok(answer)
    }

    /// Fetches the suite's index, once per value.
    fn update(&mut self) -> Result<()> {
        if self.updated {
            return Ok(());
        }
        self.progress.step(format!("{}: fetch the package index", self.name));
        let signed = if Path::new(KEYRING).is_file() { format!(" signed-by={KEYRING}") } else { String::new() };
        let mirror = mirror::find()?;
        let line = format!("deb [arch=amd64 lang=none target=Packages{signed}] {} {} main\n", mirror.0, self.name);
        fs::write(self.apt.join("sources.list"), line).context("write the suite's sources line")?;
        self.run("apt-get", &["update", "-qq"]).map_err(|error| self.why_no_index(error))?;
        self.updated = true;
        Ok(())
    }

    fn why_no_index(&self, error: anyhow::Error) -> anyhow::Error {
        let text = error.to_string();
        match GONE.iter().any(|words| text.contains(words)) {
            true => Gone { suite: self.name.clone(), reason: text }.into(),
            false => error.context(format!("fetch the package index of {}", self.name)),
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let output = Command::new(program).args(self.options()).args(arguments).current_dir(&self.debs).env("LC_ALL", "C").output();
        succeeded(&format!("{program} {}", brief(arguments)), output.with_context(|| format!("start {program}"))?)
    }

    fn options(&self) -> Vec<String> {
        let apt = self.apt.display();
        [
            format!("Dir::Etc::sourcelist={apt}/sources.list"),
            "Dir::Etc::sourceparts=-".to_owned(),
            "Dir::Etc::preferencesparts=-".to_owned(),
            format!("Dir::State::Lists={apt}/lists"),
            "Dir::State::status=/dev/null".to_owned(),
            format!("Dir::Cache={apt}/cache"),
            "APT::Sandbox::User=".to_owned(),
            "APT::Architecture=amd64".to_owned(),
            "APT::Update::Error-Mode=any".to_owned(),
            "Acquire::Retries=3".to_owned(),
            "Debug::NoLocking=1".to_owned(),
        ]
        .into_iter()
        .flat_map(|option| ["-o".to_owned(), option])
        .collect()
    }
}

/// The first few of many words.
fn brief(words: &[&str]) -> String {
    match words {
        [a, b, c, d, rest @ ..] if rest.len() > 2 => format!("{a} {b} {c} {d} and {} more", rest.len()),
        _ => words.join(" "),
    }
}

/// The output of a program that must succeed; its last complaint otherwise.
fn succeeded(what: &str, output: Output) -> Result<String> {
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let complaint = text.lines().find(|line| line.starts_with("E:")).or_else(|| text.lines().next_back()).unwrap_or("no message");
        bail!("{what}: {complaint}");
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
