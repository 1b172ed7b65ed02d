//! Where a release's public headers come from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use lab::packages::{Gone, Suite, unpack};
use lab::{Cache, Progress};
use xen_abi::Release;

/// Headers of one release, on disk.
pub struct Source {
    /// The directory that holds `xen.h`.
    pub directory: PathBuf,
    /// Where they are from, for people.
    pub told: String,
}

/// All headers of one release that are at hand.
pub struct Found {
    /// The headers.
    pub sources: Vec<Source>,
    /// Whether there are no others.
    pub complete: bool,
}

/// Looks for headers.
pub struct Finder<'a> {
    /// Where they are kept.
    pub cache: &'a Cache,
    /// Whom to tell.
    pub progress: &'a Progress,
    /// A clone of the Xen repository, if there is one.
    pub repository: Option<&'a Path>,
}

impl Finder<'_> {
    /// Every source there is for a release: a Debian suite's package, a tag, both or none.
    pub fn find(&self, release: &Release) -> Result<Found> {
        let carried = lab::Release::named(&release.to_string());
        let package = carried.map(|carried| self.package(&carried)).transpose()?.flatten();
        let tag = self.repository.map(|repository| self.tag(repository, release)).transpose()?;
        let complete = tag.is_some() && package.is_some() == carried.is_some();
        Ok(Found { sources: package.into_iter().chain(tag).collect(), complete })
    }

    /// `libxen-dev` of the suite that carries the release; none where the mirror dropped the suite.
    fn package(&self, carried: &lab::Release) -> Result<Option<Source>> {
        let mut suite = Suite::open(carried.suite, self.cache, self.progress)?;
        let package = match suite.fetch_one("libxen-dev") {
            Ok(package) => package,
            Err(error) if error.is::<Gone>() => {
                self.progress.note(format!("Xen {carried}: {error}"));
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let directory = self.fresh(&format!("abi/{}", carried.suite))?;
        unpack(&suite.file(&package), &directory, &["./usr/include/xen/*"])?;
        let told = format!("libxen-dev {} of Debian {}", package.version, carried.suite);
        Ok(Some(Source { directory: directory.join("usr/include/xen"), told }))
    }

    /// `xen/include/public` of the release's first tag. Stable branches never changed a layout after it.
    fn tag(&self, repository: &Path, release: &Release) -> Result<Source> {
        let tag = format!("RELEASE-{release}.0");
        let directory = self.fresh(&format!("abi/{tag}"))?;
        let mut git = Command::new("git");
        git.arg("-C").arg(repository).args(["archive", "--format=tar", &tag, "xen/include/public"]);
        let mut archive = git.stdout(Stdio::piped()).spawn().context("start git")?;
        let tar = Command::new("tar")
            .arg("--extract")
            .arg("--directory")
            .arg(&directory)
            .stdin(archive.stdout.take().context("git has no output")?)
            .status();
        if !archive.wait().context("wait for git")?.success() || !tar.context("start tar")?.success() {
            bail!(
                "{}: no {tag} in it: name a clone of the Xen repository with its tags with --xen-repo or XENITH_XEN_REPO",
                repository.display()
            );
        }
        Ok(Source { directory: directory.join("xen/include/public"), told: format!("tag {tag} of the Xen repository") })
    }

    fn fresh(&self, name: &str) -> Result<PathBuf> {
        let directory = self.cache.directory(name)?;
        fs::remove_dir_all(&directory).with_context(|| format!("empty {}", directory.display()))?;
        self.cache.directory(name)
    }
}
