//! One domain as each contestant is told of it: `xl`'s file, our file, our request.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// What is created.
pub struct Guest<'n> {
    /// Its name.
    pub name: &'n str,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Its kernel.
    pub kernel: &'static str,
    /// Its initial ramdisk.
    pub initrd: Option<&'static str>,
}

/// The halting ELF guest.
pub const TINY: Guest<'static> = Guest { name: "tiny", memory_mib: 16, kernel: "/lab/guest/tiny.elf", initrd: None };
/// Debian's kernel as Debian ships it.
pub const LINUX: Guest<'static> =
    Guest { name: "linux", memory_mib: 128, kernel: "/lab/guest/vmlinuz-xz", initrd: Some("/lab/guest/initrd") };

impl Guest<'_> {
    /// Writes `xl`'s file; gives its path.
    pub fn xl_file(&self) -> Result<String> {
        let Guest { name, memory_mib, kernel, .. } = self;
        let initrd = self.initrd.map_or(String::new(), |path| format!("ramdisk = \"{path}\"\n"));
        let text = format!("name = \"{name}\"\ntype = \"pvh\"\nvcpus = 1\nmemory = {memory_mib}\nkernel = \"{kernel}\"\n{initrd}");
        written(format!("/run/scenarios/{name}.cfg"), &text)
    }

    /// Writes our file; gives its path.
    pub fn own_file(&self) -> Result<String> {
        let Guest { name, memory_mib, kernel, .. } = self;
        let initrd = self.initrd.map_or(String::new(), |path| format!("initrd = \"{path}\"\n"));
        let text = format!("name = \"{name}\"\nmemory = \"{memory_mib}MiB\"\n[boot]\nkernel = \"{kernel}\"\n{initrd}");
        written(format!("/run/scenarios/{name}.toml"), &text)
    }

    /// The body of our request.
    pub fn request(&self) -> String {
        json!({ "config": self.config(), "paused": true }).to_string()
    }

    /// The config of our request.
    pub fn config(&self) -> Value {
        let boot = match self.initrd {
            Some(initrd) => json!({ "kernel": self.kernel, "initrd": initrd }),
            None => json!({ "kernel": self.kernel }),
        };
        json!({ "name": self.name, "memory": format!("{}MiB", self.memory_mib), "boot": boot })
    }
}

fn written(path: String, text: &str) -> Result<String> {
    fs::write(&path, text).with_context(|| format!("write {path}"))?;
    Ok(path)
}
