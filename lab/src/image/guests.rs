//! What dom0 makes guests from, under `/lab/guest`.
//!
//! | file | what |
//! |---|---|
//! | `vmlinuz` | Debian's cloud kernel, a bzImage with an lz4 payload |
//! | `vmlinuz-xz` | dom0's own kernel, a bzImage with an xz payload and the x86 filter |
//! | `initrd` | busybox, the frontends and Xen's watchdog of `vmlinuz`, and an init that says how many vcpus are online, then gives a shell |
//! | `tiny.elf` | a guest that only halts, for figures |

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Archive, built, tiny_guest};
use crate::cache::Cache;
use crate::kernel::Kernel;
use crate::progress::Progress;

const INIT: &str = include_str!("files/guest-init.sh");
const POWEROFF: &str = include_str!("files/guest-poweroff.sh");
const REBOOT: &str = include_str!("files/guest-reboot.sh");
/// Starts another kernel in the place of this one (kexec), which busybox cannot.
const ANOTHER: &str = include_str!("files/another.c");
/// The frontends, which Debian builds as modules; they need no other. Only `vmlinuz` can load them.
const FRONTENDS: [&str; 2] = ["block/xen-blkfront.ko", "net/xen-netfront.ko"];
/// Xen's watchdog, modules as well, the one that the other needs first.
const WATCHDOG: [&str; 2] = ["watchdog/watchdog.ko", "watchdog/xen_wdt.ko"];
const LAYOUT: &[u8] = b"guests 4";

/// The guests image for two kernels and a busybox.
pub(crate) fn guests(cache: &Cache, progress: &Progress, dom0: &Kernel, cloud: &Kernel, busybox: &Path) -> Result<PathBuf> {
    let shell = fs::read(busybox).with_context(|| format!("read {}", busybox.display()))?;
    let scripts = [INIT, POWEROFF, REBOOT, ANOTHER].concat();
    let inputs = [LAYOUT, dom0.sha256.as_bytes(), cloud.sha256.as_bytes(), &shell, scripts.as_bytes()];
    built(cache, progress, "guests", &inputs, || lay_out(dom0, cloud, &shell))
}

fn lay_out(dom0: &Kernel, cloud: &Kernel, busybox: &[u8]) -> Result<Archive> {
    let mut archive = Archive::new();
    for (name, kernel) in [("vmlinuz", cloud), ("vmlinuz-xz", dom0)] {
        let bytes = fs::read(&kernel.vmlinuz).with_context(|| format!("read {}", kernel.vmlinuz.display()))?;
        archive.file(&format!("lab/guest/{name}"), 0o644, &bytes)?;
    }
    archive.file("lab/guest/initrd", 0o644, &initrd(cloud, busybox)?)?;
    archive.file("lab/guest/tiny.elf", 0o644, &tiny_guest())?;
    Ok(archive)
}

fn initrd(cloud: &Kernel, busybox: &[u8]) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    archive.merged_root()?;
    for name in ["dev", "proc", "sys", "run", "tmp"] {
        archive.directory(name)?;
    }
    archive.file("bin/busybox", 0o755, busybox)?;
    archive.link("bin/sh", "busybox")?;
    for (place, modules) in [("frontends", FRONTENDS), ("watchdog", WATCHDOG)] {
        for module in modules {
            let path = cloud.modules.join("kernel/drivers").join(module);
            let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            archive.file(&format!("lib/{place}/{}", module.replace('/', "-")), 0o644, &bytes)?;
        }
    }
    archive.file("init", 0o755, INIT.as_bytes())?;
    archive.file("sbin/another", 0o755, &compiled(ANOTHER)?)?;
    archive.file("sbin/poweroff", 0o755, POWEROFF.as_bytes())?;
    archive.file("sbin/reboot", 0o755, REBOOT.as_bytes())?;
    Ok(archive.finish())
}

/// A program without libraries.
fn compiled(source: &str) -> Result<Vec<u8>> {
    let directory = tempfile::tempdir()?;
    let (text, program) = (directory.path().join("program.c"), directory.path().join("program"));
    fs::write(&text, source)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-no-pie", "-fno-pie", "-O2", "-s", "-o"]);
    let output = compiler.arg(&program).arg(&text).output().context("start cc")?;
    ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(fs::read(program)?)
}
