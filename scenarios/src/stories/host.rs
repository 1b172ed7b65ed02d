//! What the host is, as Xen says: its release, its memory, and what it does against leaks by speculation.

use anyhow::{Context, Result, ensure};

use crate::world::World;

pub fn run(world: &mut dyn World) -> Result<()> {
    let client = world.client();
    let (root, host, log) = (client.root()?, client.host()?, client.host_log()?);
    let log = String::from_utf8_lossy(&log);
    let release = host.release.as_deref().context("a release that is not in the table")?;
    ensure!(host.xen_version.starts_with(&format!("{release}.")), "Xen {} is taken for {release}", host.xen_version);
    ensure!(root.xen_version.as_deref() == Some(host.xen_version.as_str()), "{:?} and {}", root.xen_version, host.xen_version);
    ensure!(host.stable_only.is_none() && host.domctl_version.is_some() && host.sysctl_version.is_some(), "{host:?}");
    ensure!(host.free_memory_kib > 0 && host.free_memory_kib < host.total_memory_kib && host.claimed_memory_kib == 0, "{host:?}");
    ensure!(host.cpus > 0 && host.capabilities.iter().any(|one| one == "hvm"), "{host:?}");
    // Each line stands in Xen's log, and every release tells what Xen itself uses.
    ensure!(host.mitigations_unknown.is_none(), "{:?}", host.mitigations_unknown);
    for line in &host.mitigations {
        ensure!(log.lines().any(|said| said.trim_end().ends_with(line)), "Xen's log does not say {line}");
    }
    let own = host.mitigations.iter().find(|line| line.starts_with("Xen settings: "));
    println!("Xen {}: {}", host.xen_version, own.with_context(|| format!("no settings of Xen in {:?}", host.mitigations))?);
    Ok(())
}
