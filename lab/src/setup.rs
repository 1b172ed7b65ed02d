//! Makes the host ready: the few packages the lab runs on, installed only when one is missing.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::progress::Progress;

/// A host package and the program that proves it is there.
struct Need {
    package: &'static str,
    program: &'static str,
}

const NEEDS: [Need; 3] = [
    Need { package: "qemu-system-x86", program: "qemu-system-x86_64" },
    Need { package: "dpkg", program: "dpkg-deb" },
    Need { package: "tar", program: "tar" },
];

/// Installs what the lab needs on this host. Does nothing, and asks no package manager, when all of it is there.
///
/// # Errors
/// When a package is missing and `apt-get` is not there or fails; the error names the packages.
pub fn host(progress: &Progress) -> Result<()> {
    let missing: Vec<&str> = NEEDS.iter().filter(|need| !on_path(need.program)).map(|need| need.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing, progress)
}

/// Installs packages with `apt-get`, through sudo only where not root.
///
/// # Errors
/// When `apt-get` is not there or fails; the error names the packages.
pub fn install(packages: &[&str], progress: &Progress) -> Result<()> {
    let names = packages.join(" ");
    if !on_path("apt-get") {
        bail!("host: {names} missing and there is no apt-get: install them with this system's own tools, then run again");
    }
    progress.step(format!("host: apt-get update, then install {names}"));
    apt_get(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-qq", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    apt_get(&arguments).with_context(|| format!("host: install {names}"))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = if rustix::process::geteuid().is_root() { Command::new("apt-get") } else { Command::new("sudo") };
    if !rustix::process::geteuid().is_root() {
        command.arg("apt-get");
    }
    let output = command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").output().context("start apt-get")?;
    if !output.status.success() {
        bail!("apt-get {}: {}\n{}", arguments.join(" "), output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(())
}

/// Whether a program is found on `PATH`.
pub fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(program).is_file()))
}
