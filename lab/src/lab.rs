//! The lab as one value: fetches and builds what a job needs, and boots it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;

use crate::cache::{Cache, sha256_of, write_whole};
use crate::choice::Choice;
use crate::image;
use crate::job::Job;
use crate::kernel::Kernel;
use crate::machine::{self, Boot, Line, Outcome};
use crate::packages::{Suite, unpack};
use crate::progress::Progress;
use crate::release::{KERNEL_SUITE, Release};
use crate::setup;

/// A host that is ready to boot Xen.
pub struct Lab {
    cache: Cache,
    progress: Progress,
    dom0: Kernel,
    images: Vec<PathBuf>,
}

impl Lab {
    /// Makes the host ready, fetches dom0's and the guests' kernels, and builds the images that every boot shares.
    ///
    /// # Errors
    /// When a host package cannot be installed, or the kernels' suite cannot be fetched.
    pub fn open(progress: &Progress) -> Result<Self> {
        setup::host(progress)?;
        let cache = Cache::open()?;
        let _alone = cache.lock()?;
        let mut suite = Suite::open(KERNEL_SUITE, &cache, progress)?;
        let dom0 = kernel(&mut suite, "linux-image-amd64", &cache, progress)?;
        let cloud = kernel(&mut suite, "linux-image-cloud-amd64", &cache, progress)?;
        let busybox = busybox(&mut suite, &cache)?;
        let images = vec![image::base(&cache, progress, &dom0, &busybox)?, image::guests(&cache, progress, &dom0, &cloud, &busybox)?];
        Ok(Self { cache, progress: progress.clone(), dom0, images })
    }

    /// The hypervisor's image, not compressed: fetched for a release, taken as it is for a file.
    ///
    /// # Errors
    /// [`crate::packages::Gone`] when the release's suite is no longer on the mirror; anything else is a fault of this host.
    pub fn hypervisor(&self, choice: &Choice) -> Result<PathBuf> {
        match choice {
            Choice::Release(release) => {
                let _alone = self.cache.lock()?;
                let mut suite = Suite::open(release.suite, &self.cache, &self.progress)?;
                self.fetch_hypervisor(*release, &mut suite)
            }
            Choice::Image(path) => self.plain(path),
        }
    }

    /// Runs the job's script in dom0, without a person.
    ///
    /// # Errors
    /// When something cannot be fetched or built, or the machine does not come to the end of the script.
    pub fn run(&self, choice: &Choice, job: &Job, heard: impl FnMut(&Line)) -> Result<Outcome> {
        let directory = tempfile::tempdir().context("make a directory for this run")?;
        let boot = self.boot(choice, job, directory.path(), false)?;
        let outcome = machine::run(&boot, heard)?;
        if let (Some(disk), Some(target)) = (&boot.disk, &job.files_back) {
            machine::take_files(disk, target)?;
        }
        Ok(outcome)
    }

    /// Runs the job's script, if it has one, and then gives its session this terminal.
    ///
    /// # Errors
    /// As for [`Lab::run`]; also when the script fails.
    pub fn shell(&self, choice: &Choice, job: &Job, heard: impl FnMut(&Line)) -> Result<()> {
        let directory = tempfile::tempdir().context("make a directory for this run")?;
        let boot = self.boot(choice, job, directory.path(), true)?;
        machine::shell(&boot, heard)
    }

    fn boot(&self, choice: &Choice, job: &Job, directory: &Path, person: bool) -> Result<Boot> {
        let hypervisor = self.hypervisor(choice)?;
        let mut parts = self.images.clone();
        if job.stock_tools {
            parts.push(self.stock_tools(choice)?);
        }
        let initramfs = directory.join("initramfs");
        join(&parts, &job.overlay(person)?.finish(), &initramfs)?;
        let disk = job.files_back.is_some().then(|| directory.join("disk"));
        if let Some(disk) = &disk {
            machine::make_disk(disk)?;
        }
        self.progress.step(format!("Xen {}: boot, about 15 s", choice.name()));
        Ok(Boot {
            name: choice.name(),
            hypervisor,
            kernel: self.dom0.elf(&self.progress)?,
            initramfs,
            mode: job.mode,
            xen_arguments: job.xen_arguments.clone(),
            dom0_arguments: job.dom0_arguments.clone(),
            log: job.log.clone(),
            timeout: job.timeout,
            disk,
        })
    }

    fn stock_tools(&self, choice: &Choice) -> Result<PathBuf> {
        let Choice::Release(release) = choice else {
            bail!("{}: stock tools belong to a release; name one instead of an image", choice.name())
        };
        let _alone = self.cache.lock()?;
        let mut suite = Suite::open(release.suite, &self.cache, &self.progress)?;
        image::peers(&self.cache, &self.progress, *release, &mut suite)
    }

    fn fetch_hypervisor(&self, release: Release, suite: &mut Suite) -> Result<PathBuf> {
        let package = suite.fetch_one(&release.hypervisor_package())?;
        let directory = self.cache.directory("xen")?.join(short(&package.sha256));
        let path = directory.join(release.hypervisor_path());
        if !path.is_file() {
            unpack(&suite.file(&package), &directory, &[&format!("./{}", release.hypervisor_path())])?;
        }
        self.plain(&path)
    }

    /// QEMU's multiboot loader takes no compressed image.
    fn plain(&self, path: &Path) -> Result<PathBuf> {
        let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(path.to_owned());
        }
        let plain = self.cache.directory("xen")?.join(format!("{}.elf", short(&sha256_of(path)?)));
        if !plain.is_file() {
            let mut image = Vec::new();
            MultiGzDecoder::new(&*bytes).read_to_end(&mut image).with_context(|| format!("decompress {}", path.display()))?;
            write_whole(&plain, &image)?;
        }
        Ok(plain)
    }
}

fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

fn kernel(suite: &mut Suite, metapackage: &str, cache: &Cache, progress: &Progress) -> Result<Kernel> {
    let name = suite.resolve(metapackage, "linux-image-")?;
    let package = suite.fetch_one(&name)?;
    Kernel::open(suite, &package, cache, progress)
}

fn busybox(suite: &mut Suite, cache: &Cache) -> Result<PathBuf> {
    let package = suite.fetch_one("busybox-static")?;
    let directory = cache.directory("busybox")?.join(short(&package.sha256));
    if !directory.is_dir() {
        unpack(&suite.file(&package), &directory, &[])?;
    }
    let places = ["usr/bin/busybox", "bin/busybox"].map(|place| directory.join(place));
    places.into_iter().find(|path| path.is_file()).context("busybox-static has no busybox")
}

fn join(parts: &[PathBuf], overlay: &[u8], target: &Path) -> Result<()> {
    let mut file = File::create(target).with_context(|| format!("create {}", target.display()))?;
    for part in parts {
        let mut source = File::open(part).with_context(|| format!("open {}", part.display()))?;
        std::io::copy(&mut source, &mut file).with_context(|| format!("write {}", target.display()))?;
    }
    std::io::Write::write_all(&mut file, overlay).with_context(|| format!("write {}", target.display()))
}
