//! Stock daemons on plain Linux: Debian's own binaries with their own libraries, and a shim in the place of Xen.
//!
//! ```text
//!   packages of a release --> peers/SUITE-KEY/root     the programs, their libraries, their C library and loader
//!   shim.c --cc-->            peers/SUITE-KEY/shim.so
//!                             peers/SUITE-KEY/xenstored      a script: the loader starts the daemon with the shim in front
//!                             peers/SUITE-KEY/oxenstored     the same for the OCaml daemon, whose fixed paths are mounts of its own
//!                             peers/SUITE-KEY/test-xenstore  a script: the loader starts Xen's own suite for a store
//! ```

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::cache::{Cache, sha256_of_parts};
use crate::packages::{Suite, unpack};
use crate::progress::Progress;
use crate::release::Release;

const SHIM: &str = include_str!("peer/shim.c");
/// Libraries that the programs are linked with, libc first; `libxenmisc` is the release's own.
const LIBRARIES: [&str; 10] = [
    "libc6",
    "libsystemd0",
    "libxencall1",
    "libxendevicemodel1",
    "libxenevtchn1",
    "libxenforeignmemory1",
    "libxengnttab1",
    "libxenstore4",
    "libxentoolcore1",
    "libxentoollog1",
];

/// The stock programs of one release.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Starts C xenstored in `$XSSHIM_DIR`.
    pub xenstored: PathBuf,
    /// Starts oxenstored in `$XSSHIM_DIR`; needs root, for mounts that nobody else sees.
    pub oxenstored: PathBuf,
    /// Starts Xen's own suite against the store at `$XENSTORED_PATH`; Debian has it in xen-utils.
    pub test_xenstore: PathBuf,
}

/// The stock programs of this release, ready to start.
///
/// # Errors
/// When a package cannot be had, or the compiler fails.
pub fn peer(release: &Release, cache: &Cache, progress: &Progress) -> Result<Peer> {
    let mut suite = Suite::open(release.suite, cache, progress)?;
    let own = [format!("xen-utils-{}", release.name), format!("libxenmisc{}", release.name)];
    let names: Vec<String> = own.into_iter().chain(LIBRARIES.map(str::to_owned)).collect();
    let packages = suite.fetch(&names)?;
    let parts = packages.iter().map(|package| package.sha256.as_bytes()).chain([SHIM.as_bytes()]);
    let key: String = sha256_of_parts(parts).chars().take(16).collect();
    let directory = cache.directory(&format!("peers/{}-{key}", release.suite))?;
    let [xenstored, oxenstored, test_xenstore] = ["xenstored", "oxenstored", "test-xenstore"].map(|name| directory.join(name));
    let peer = Peer { xenstored, oxenstored, test_xenstore };
    if [&peer.xenstored, &peer.oxenstored, &peer.test_xenstore].into_iter().all(|program| program.exists()) {
        return Ok(peer);
    }
    let root = directory.join("root");
    for package in &packages {
        unpack(&suite.file(package), &root, &[])?;
    }
    compile(&directory)?;
    let shim = directory.join("shim.so");
    write(&peer.xenstored, &script(release, &root, "xenstored", Some(&shim))?)?;
    write(&peer.oxenstored, &with_mounts(&root, &script(release, &root, "oxenstored", Some(&shim))?))?;
    write(&peer.test_xenstore, &script(release, &root, "test-xenstore", None)?)?;
    Ok(peer)
}

/// A program that is whole at once: whoever finds it finds everything.
fn write(program: &Path, script: &str) -> Result<()> {
    let part = program.with_extension(std::process::id().to_string());
    fs::write(&part, script).with_context(|| format!("write {}", part.display()))?;
    fs::set_permissions(&part, fs::Permissions::from_mode(0o755))?;
    fs::rename(&part, program).with_context(|| format!("rename to {}", program.display()))
}

fn compile(directory: &Path) -> Result<()> {
    let source = directory.join("shim.c");
    fs::write(&source, SHIM).with_context(|| format!("write {}", source.display()))?;
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(directory.join("shim.so")).arg(&source).arg("-ldl");
    let output = compiler.output().context("start cc")?;
    if !output.status.success() {
        bail!("cc {}: {}", source.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn script(release: &Release, root: &Path, name: &str, shim: Option<&Path>) -> Result<String> {
    let architecture = "x86_64-linux-gnu";
    // Older suites keep their C library outside of /usr.
    let places = ["lib", "usr/lib"].map(|lib| root.join(lib).join(architecture));
    let loader = places.iter().map(|place| place.join("ld-linux-x86-64.so.2")).find(|loader| loader.exists());
    let loader = loader.ok_or_else(|| anyhow!("{}: no loader", root.display()))?;
    let libraries = places.map(|place| place.display().to_string()).join(":");
    let program = root.join(format!("usr/lib/xen-{}/bin/{name}", release.name));
    let preload = shim.map(|shim| format!(" --preload {}", shim.display())).unwrap_or_default();
    let (loader, program) = (loader.display(), program.display());
    Ok(format!("#!/bin/sh\nexec {loader} --library-path {libraries}{preload} {program} \"$@\"\n"))
}

/// oxenstored's directory and that of its plugins are compiled in: /run is an empty one, and /usr/lib has the release's files behind the host's.
fn with_mounts(root: &Path, script: &str) -> String {
    let program = script.lines().last().unwrap_or_default().replace("\"$@\"", "--no-fork --config-file $XSSHIM_DIR/conf");
    let library = root.join("usr/lib");
    let library = library.display();
    format!(
        "#!/bin/sh\nset -e\ncat > \"$XSSHIM_DIR/conf\" <<END\npid-file = $XSSHIM_DIR/pid\npersistent = false\nquota-activate = true\n\
         xenstored-kva = $XSSHIM_DIR/ring.0\nxenstored-port = $XSSHIM_DIR/xsd_port\nxenstored-log-file = $XSSHIM_DIR/log\n\
         access-log-file = $XSSHIM_DIR/access\nEND\nexec unshare -m sh -ec '\nmount -t overlay overlay -o lowerdir=/usr/lib:{library} /usr/lib\n\
         mount -t tmpfs none /run\nmkdir /run/xenstored\nmount --bind \"$XSSHIM_DIR\" /run/xenstored\n{program}\n'\n"
    )
}
