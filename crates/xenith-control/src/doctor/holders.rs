//! Which processes of the control domain map memory of others. The kernel tells by which device node, not whose memory it is.

use std::path::Path;

use xenith_api::latest::Holder;

/// The nodes by which memory of other domains is mapped.
const NODES: [&str; 3] = ["/dev/xen/gntdev", "/dev/xen/privcmd", "/proc/xen/privcmd"];

/// Every such process below this `/proc`, by number.
pub(crate) fn holders(proc: &Path) -> Vec<Holder> {
    let entries = std::fs::read_dir(proc).into_iter().flatten().filter_map(Result::ok);
    let mut all: Vec<Holder> = entries.filter_map(|entry| holder(&entry.path())).collect();
    all.sort_by_key(|holder| holder.pid);
    all
}

/// A process that ended meanwhile, or that we may not look at, holds nothing that we could tell.
fn holder(process: &Path) -> Option<Holder> {
    let pid = process.file_name()?.to_str()?.parse().ok()?;
    let maps = String::from_utf8_lossy(&std::fs::read(process.join("maps")).ok()?).into_owned();
    let through = NODES.into_iter().find(|node| maps.lines().any(|line| line.split_whitespace().nth(5) == Some(*node)))?;
    let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
    Some(Holder { pid, name: name.trim().to_owned(), through: through.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_map_are_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let process = |pid: &str, name: &str, maps: &str| {
            let place = dir.path().join(pid);
            std::fs::create_dir(&place).expect("made");
            std::fs::write(place.join("comm"), format!("{name}\n")).expect("written");
            std::fs::write(place.join("maps"), maps).expect("written");
        };
        process("812", "qemu-system-i38", "7f00-7f01 rw-s 00000000 00:06 42   /dev/xen/gntdev\n");
        process("77", "xenconsoled", "5500-5501 r-xp 0 08:01 1 /usr/sbin/xenconsoled\n7f00-7f01 rw-s 0 00:06 9 /dev/xen/privcmd\n");
        process("5", "sh", "5500-5501 r-xp 00000000 08:01 1 /bin/sh /dev/xen/gntdev\n7f00-7f01 rw-p 0 00:00 0\n");
        process("self", "sh", "7f00-7f01 rw-s 0 00:06 9 /dev/xen/privcmd\n");
        std::fs::create_dir(dir.path().join("9")).expect("made");
        let told = |pid, name: &str, through: &str| Holder { pid, name: name.to_owned(), through: through.to_owned() };
        let expected = [told(77, "xenconsoled", "/dev/xen/privcmd"), told(812, "qemu-system-i38", "/dev/xen/gntdev")];
        assert_eq!(holders(dir.path()), expected);
    }
}
