//! The form of each value of a domain's config: what can be said of it without looking at a host.
//!
//! Both ways in share these rules: a file's keys call them one by one, so that a complaint carries its line, and a request's body is
//! looked at as a whole by [`DomainConfig::form_complaints`].

use super::domain::{DomainConfig, memory_to_text};
use super::problem::{Code, Complaint};

/// Most vcpus that a domain can have: what a PVH domain is given by every release of the table (HVM_MAX_VCPUS, public/hvm/hvm_info_table.h).
pub const VCPUS_MAX: u32 = 128;
/// Least memory of a domain, in KiB: 8 MiB, below which no kernel that we know starts.
pub const MEMORY_MIN_KIB: u64 = 8 << 10;
/// Most memory of a domain, in KiB: 16 TiB, what Xen addresses without CONFIG_BIGMEM.
pub const MEMORY_MAX_KIB: u64 = 16 << 30;
/// Longest name, in bytes.
pub const NAME_MAX: usize = 63;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The stable code.
    pub code: Code,
    /// What is wrong and what to do, without key and value.
    pub message: String,
}

impl Wrong {
    /// A value of the wrong type or form.
    pub(crate) fn form(message: impl Into<String>) -> Wrong {
        Wrong { code: Code::ConfigBadValue, message: message.into() }
    }

    fn range(message: impl Into<String>) -> Wrong {
        Wrong { code: Code::ConfigOutOfRange, message: message.into() }
    }
}

/// 1 to 63 characters of `[A-Za-z0-9._+-]`, not digits alone: digits name a domid.
pub fn name(name: &str) -> Result<(), Wrong> {
    let known = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    match name.chars().find(|c| !known(*c)) {
        _ if name.is_empty() => Err(Wrong::form("a name must not be empty; give it 1 to 63 characters")),
        Some(c) => Err(Wrong::form(format!("{c:?} cannot stand in a name; use letters, digits and . _ + -"))),
        None if name.len() > NAME_MAX => {
            Err(Wrong::form(format!("{} characters are too many for a name; use at most {NAME_MAX}", name.len())))
        }
        None if name.bytes().all(|b| b.is_ascii_digit()) => Err(Wrong::form("a name of digits alone reads as a domid; put a letter in it")),
        None => Ok(()),
    }
}

/// 1 to [`VCPUS_MAX`].
pub fn vcpus(count: u64) -> Result<u32, Wrong> {
    let wrong = || Wrong::range(format!("a domain has 1 to {VCPUS_MAX} vcpus"));
    u32::try_from(count).ok().filter(|n| (1..=VCPUS_MAX).contains(n)).ok_or_else(wrong)
}

/// [`MEMORY_MIN_KIB`] to [`MEMORY_MAX_KIB`], whole pages of 4 KiB.
pub fn memory_kib(kib: u64) -> Result<u64, Wrong> {
    if !(MEMORY_MIN_KIB..=MEMORY_MAX_KIB).contains(&kib) {
        let (least, most) = (memory_to_text(MEMORY_MIN_KIB), memory_to_text(MEMORY_MAX_KIB));
        return Err(Wrong::range(format!("a domain has {least} to {most} of memory")));
    }
    if !kib.is_multiple_of(4) {
        return Err(Wrong::form(format!("memory comes in pages of 4 KiB; use \"{}\"", memory_to_text(kib.next_multiple_of(4)))));
    }
    Ok(kib)
}

/// An absolute path: the daemon that opens the file has its own working directory.
pub fn path(path: &str) -> Result<(), Wrong> {
    match path {
        "" => Err(Wrong::form("a path must not be empty")),
        _ if path.contains('\0') => Err(Wrong::form("a path cannot hold a zero byte")),
        _ if !path.starts_with('/') => Err(Wrong::form("the path is not absolute; begin it with /")),
        _ => Ok(()),
    }
}

/// The guest reads it up to the first zero byte, so none may stand in it.
pub fn cmdline(text: &str) -> Result<(), Wrong> {
    if text.contains('\0') { Err(Wrong::form("a command line cannot hold a zero byte")) } else { Ok(()) }
}

/// What a domain starts after: names.
pub fn after(names: &[String]) -> Result<(), Wrong> {
    names.iter().try_for_each(|one| name(one))
}

impl DomainConfig {
    /// Every complaint about the form of the values; empty when the config can be planned. Lines are unknown here.
    #[must_use]
    pub fn form_complaints(&self) -> Vec<Complaint> {
        let memory = memory_to_text(self.memory_kib);
        let checks = [
            ("name", self.name.clone(), name(&self.name)),
            ("vcpus", self.vcpus.to_string(), vcpus(self.vcpus.into()).map(drop)),
            ("memory", memory, memory_kib(self.memory_kib).map(drop)),
            ("boot.kernel", self.boot.kernel.clone(), path(&self.boot.kernel)),
            ("boot.initrd", self.boot.initrd.clone().unwrap_or_default(), self.boot.initrd.as_deref().map_or(Ok(()), path)),
            ("start.after", self.start.after.join(", "), after(&self.start.after)),
            ("boot.cmdline", self.boot.cmdline.clone(), cmdline(&self.boot.cmdline)),
        ];
        let complaint = |(key, value, verdict): (&str, String, Result<(), Wrong>)| {
            verdict.err().map(|wrong| Complaint::new(wrong.code, key, wrong.message).value(&value))
        };
        checks.into_iter().filter_map(complaint).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> DomainConfig {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn names() {
        let long = "x".repeat(64);
        let fits = "x".repeat(63);
        for good in ["web", "a", "web-1.example_org+x", "0x10", fits.as_str()] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for (bad, says) in
            [("", "empty"), ("a b", "' '"), ("a/b", "'/'"), ("wéb", "'é'"), (long.as_str(), "64 characters"), ("12", "reads as a domid")]
        {
            assert!(name(bad).unwrap_err().message.contains(says), "{bad}");
        }
    }

    #[test]
    fn ranges() {
        assert_eq!((vcpus(1), vcpus(128)), (Ok(1), Ok(128)));
        for bad in [0, 129, u64::MAX] {
            assert_eq!(vcpus(bad).unwrap_err().code, Code::ConfigOutOfRange);
        }
        assert_eq!((memory_kib(8192), memory_kib(16 << 30)), (Ok(8192), Ok(16 << 30)));
        for (bad, code) in [(0, Code::ConfigOutOfRange), (8191, Code::ConfigOutOfRange), ((16 << 30) + 4, Code::ConfigOutOfRange)] {
            assert_eq!(memory_kib(bad).unwrap_err().code, code, "{bad}");
        }
        assert_eq!(memory_kib(8193).unwrap_err().message, "memory comes in pages of 4 KiB; use \"8196KiB\"");
    }

    #[test]
    fn a_request_gets_every_complaint_at_once() {
        let bad = config(r#"{"name":"","vcpus":0,"memory":4,"boot":{"kernel":"vmlinuz","initrd":"","cmdline":"a\u0000"}}"#);
        let keys: Vec<String> = bad.form_complaints().into_iter().map(|c| c.key).collect();
        assert_eq!(keys, ["name", "vcpus", "memory", "boot.kernel", "boot.initrd", "boot.cmdline"]);
        let good = config(r#"{"name":"web","memory":"64MiB","boot":{"kernel":"/vmlinuz"}}"#);
        assert_eq!(good.form_complaints(), []);
    }
}
