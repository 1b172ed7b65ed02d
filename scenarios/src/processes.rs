//! Who runs, by the program's file, and how much memory is theirs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// A process.
#[derive(Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// What it calls itself: our roles say which they are.
    pub name: String,
}

/// Every process of these programs; at least one.
pub fn of(programs: &[&str]) -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("list /proc")? {
        let path = entry?.path();
        let Some(pid) = name(&path).and_then(|name| name.parse().ok()) else { continue };
        // Threads of the kernel have no file, and a process may end while we look.
        let Some(program) = fs::read_link(path.join("exe")).ok().and_then(|file| name(&file)) else { continue };
        if programs.contains(&program.as_str()) {
            let words = fs::read(path.join("cmdline")).unwrap_or_default();
            found.push(Process { pid, name: called(&program, &String::from_utf8_lossy(&words)) });
        }
    }
    ensure!(!found.is_empty(), "no process of {}", programs.join(", "));
    Ok(found)
}

/// The name that it was started by; the store's worker is started by a link and says what it is in its words.
fn called(program: &str, words: &str) -> String {
    let mut words = words.split('\0');
    match words.next().and_then(|first| name(Path::new(first))) {
        Some(link) if link == "exe" => [program].into_iter().chain(words.take(2)).collect::<Vec<_>>().join(" "),
        Some(name) => name,
        None => program.to_owned(),
    }
}

impl Process {
    /// Its memory in KiB: what is its own, and of what it shares with others a share.
    pub fn pss_kib(&self) -> Result<u64> {
        let path = format!("/proc/{}/smaps_rollup", self.pid);
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        pss_kib(&text).with_context(|| format!("{path} has no Pss"))
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> Result<usize> {
        let path = format!("/proc/{}/fd", self.pid);
        Ok(fs::read_dir(&path).with_context(|| format!("list {path}"))?.count())
    }
}

fn name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

/// `Pss:   1234 kB`, where others begin with the same letters (Linux, Documentation/ABI/testing/procfs-smaps_rollup).
fn pss_kib(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_told_from_its_parts() {
        let text = "00400000-7ffc [rollup]\nRss:    884 kB\nPss:                 385 kB\nPss_Dirty:   68 kB\nPss_Anon:    301 kB\n";
        assert_eq!(pss_kib(text), Some(385));
        assert_eq!(pss_kib("Pss_Anon:    301 kB\n"), None);
    }

    #[test]
    fn processes_are_called_by_what_they_do() {
        for (program, words, expected) in [
            ("xenith", "xenith-control\0--config\0", "xenith-control"),
            ("xenith", "/proc/self/exe\0store\0--worker\0--log-level\0info\0", "xenith store --worker"),
            ("xl", "/usr/lib/xen-4.17/bin/xl\0create\0", "xl"),
            ("xl", "", "xl"),
        ] {
            assert_eq!(called(program, words), expected);
        }
    }

    #[test]
    fn we_are_found_by_our_file() {
        let program = name(&std::env::current_exe().unwrap()).unwrap();
        let all = of(&[&program]).unwrap();
        let own = all.iter().find(|process| process.pid == std::process::id()).unwrap();
        assert!(own.pss_kib().unwrap() > 0 && own.descriptors().unwrap() > 2);
        assert!(of(&["no such program"]).is_err());
    }
}
