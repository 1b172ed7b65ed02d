//! An archive in the "newc" format that Linux unpacks as an initramfs (Linux,
//! Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;

use anyhow::{Context, Result};

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// Directories that are links into `/usr` in the lab's root, as on every Debian since bookworm.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// An archive being written, in memory. Parents are made as needed; everything belongs to root.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    inode: u32,
    directories: BTreeSet<String>,
}

impl Archive {
    /// An archive without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// A directory with mode 755 and its parents; one that is there already stays as it is.
    ///
    /// # Errors
    /// When the archive would pass what the format can hold.
    pub fn directory(&mut self, path: &str) -> Result<()> {
        let path = merged(path);
        for (at, _) in path.match_indices('/') {
            self.one_directory(path.get(..at).unwrap_or_default())?;
        }
        self.one_directory(&path)
    }

    fn one_directory(&mut self, path: &str) -> Result<()> {
        if path.is_empty() || !self.directories.insert(path.to_owned()) {
            return Ok(());
        }
        self.entry(path, DIRECTORY | 0o755, &[])
    }

    /// A regular file with its permission bits, and its parents.
    ///
    /// # Errors
    /// When the content is 4 GiB or longer.
    pub fn file(&mut self, path: &str, permissions: u32, content: &[u8]) -> Result<()> {
        let path = self.with_parent(path)?;
        self.entry(&path, REGULAR | permissions, content)
    }

    /// A symbolic link and its parents.
    ///
    /// # Errors
    /// When the archive would pass what the format can hold.
    pub fn link(&mut self, path: &str, target: &str) -> Result<()> {
        let path = self.with_parent(path)?;
        self.entry(&path, SYMLINK | 0o777, target.as_bytes())
    }

    /// The links `/bin`, `/sbin`, `/lib` and `/lib64` into `/usr`, and the directories behind them.
    ///
    /// # Errors
    /// When the archive would pass what the format can hold.
    pub fn merged_root(&mut self) -> Result<()> {
        for name in MERGED {
            self.directory(&format!("usr/{name}"))?;
            self.entry(name, SYMLINK | 0o777, format!("usr/{name}").as_bytes())?;
        }
        Ok(())
    }

    /// The finished archive, padded so that another one can follow.
    pub fn finish(mut self) -> Vec<u8> {
        self.inode = 0;
        self.header("TRAILER!!!", 0, 0);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self.bytes
    }

    fn with_parent(&mut self, path: &str) -> Result<String> {
        let path = merged(path);
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.directory(parent)?;
        }
        Ok(path)
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        let length = u32::try_from(content.len()).with_context(|| format!("{path}: too long for an initramfs"))?;
        self.inode += 1;
        self.header(path, mode, length);
        self.bytes.extend_from_slice(content);
        self.pad();
        Ok(())
    }

    /// Thirteen fields of eight hexadecimal digits, and the name with its final NUL.
    fn header(&mut self, path: &str, mode: u32, length: u32) {
        let links = if mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
        let name_length = path.len() as u32 + 1;
        self.bytes.extend_from_slice(b"070701");
        for field in [self.inode, mode, 0, 0, links, 0, length, 0, 0, 0, 0, name_length, 0] {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// A path without its leading `/` or `./`, inside `/usr` where the root has only a link.
fn merged(path: &str) -> String {
    let path = path.trim_start_matches("./").trim_matches('/');
    match path.split_once('/') {
        Some((first, _)) if MERGED.contains(&first) => format!("usr/{path}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn paths_land_in_the_merged_root() {
        for (path, expected) in [
            ("./lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6"),
            ("/sbin/init", "usr/sbin/init"),
            ("lib64", "lib64"),
            ("library/x", "library/x"),
            ("usr/bin/xl", "usr/bin/xl"),
        ] {
            assert_eq!(merged(path), expected);
        }
    }

    /// Another reader of the format must see what was written.
    #[test]
    fn busybox_or_cpio_reads_it_back() {
        let Some(mut reader) = ["cpio", "busybox"].into_iter().find_map(lister) else { return };
        let mut archive = Archive::new();
        archive.merged_root().unwrap();
        archive.file("/bin/hello", 0o755, b"12345").unwrap();
        archive.link("a/b/link", "../c").unwrap();
        reader.stdin.take().unwrap().write_all(&archive.finish()).unwrap();
        let listing = String::from_utf8(reader.wait_with_output().unwrap().stdout).unwrap();
        for line in ["usr/bin/hello", "a/b/link", "lib64", "usr/sbin"] {
            assert!(listing.contains(line), "{line} not in:\n{listing}");
        }
    }

    fn lister(program: &str) -> Option<std::process::Child> {
        let mut command = Command::new(program);
        if program == "busybox" {
            command.arg("cpio");
        }
        command.arg("-t").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()
    }
}
