//! Every key of a domain's config file, once: name, form, default, example, meaning, the name that xl.cfg gives it, and its parser.
//!
//! A new key is one row here and one field of [`DomainConfig`]; the help text, the manual and the suggestions follow.

use toml::de::DeValue;
use uuid::Uuid;

use super::nearest;
use crate::v1::form::{self, Wrong};
use crate::v1::problem::shorten;
use crate::v1::{Action, DomainConfig, DomainType, domain::memory_from_text};

/// One key.
pub struct Key {
    /// With its table: `boot.kernel`.
    pub path: &'static str,
    /// What is taken: `text`, `1 to 128`.
    pub form: &'static str,
    /// Whether it must be there.
    pub need: Need,
    /// A value as it would stand in a file.
    pub example: &'static str,
    /// What it means, in one sentence.
    pub doc: &'static str,
    /// Names under which a person who comes from xl.cfg knows it, where they differ.
    pub xl: &'static [&'static str],
    /// Puts the value into the config.
    pub(super) set: fn(&mut DomainConfig, &DeValue<'_>) -> Result<(), Wrong>,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It need not; this is done or taken without it.
    Default(&'static str),
}

impl Key {
    /// Table and name: `("boot", "kernel")`; the file's top is `""`.
    #[must_use]
    pub fn split(&self) -> (&'static str, &'static str) {
        self.path.split_once('.').unwrap_or(("", self.path))
    }
}

/// One table.
pub struct Table {
    /// Its name.
    pub path: &'static str,
    /// What it is about.
    pub doc: &'static str,
}

/// The tables, in the order of the manual.
pub const TABLES: &[Table] = &[
    Table { path: "boot", doc: "What the domain boots." },
    Table { path: "on", doc: "What happens when the domain stops by itself." },
    Table { path: "start", doc: "Whether a stored config's domain starts with the host." },
];

/// What may be done with a domain that stopped.
const ACTIONS: &str =
    "\"destroy\", \"restart\", \"rename-restart\", \"preserve\", \"coredump-destroy\", \"coredump-restart\" or \"soft-reset\"";

/// The keys, in the order of the manual.
pub const KEYS: &[Key] = &[
    Key {
        path: "name",
        form: "1 to 63 letters, digits and . _ + -, not digits alone",
        need: Need::Required,
        example: "\"web\"",
        doc: "The domain's name, unique on the host.",
        xl: &[],
        set: |config, value| {
            let name = text(value)?;
            form::name(name).map(|()| config.name = name.to_owned())
        },
    },
    Key {
        path: "uuid",
        form: "a uuid",
        need: Need::Default("chosen at create"),
        example: "\"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55\"",
        doc: "The domain's identity over reboots and moves.",
        xl: &[],
        set: |config, value| {
            let wrong = |_| Wrong::form("is not a uuid; write 32 hexadecimal digits in the form 8-4-4-4-12, or leave the key out");
            config.uuid = Some(Uuid::parse_str(text(value)?).map_err(wrong)?);
            Ok(())
        },
    },
    Key {
        path: "type",
        form: "\"pvh\"",
        need: Need::Default("\"pvh\""),
        example: "\"pvh\"",
        doc: "The kind of container: pvh is hardware virtualization without emulated devices.",
        xl: &["builder"],
        set: |config, value| {
            config.kind = one_of(text(value)?, &[("pvh", DomainType::Pvh)])?;
            Ok(())
        },
    },
    Key {
        path: "vcpus",
        form: "1 to 128",
        need: Need::Default("1"),
        example: "2",
        doc: "How many virtual CPUs the domain has, all of them online from the start.",
        xl: &["maxvcpus"],
        set: |config, value| {
            config.vcpus = form::vcpus(whole_number(value)?)?;
            Ok(())
        },
    },
    Key {
        path: "memory",
        form: "a whole number with KiB, MiB, GiB or TiB; 8MiB to 16TiB",
        need: Need::Required,
        example: "\"512MiB\"",
        doc: "The domain's memory, in whole pages of 4 KiB.",
        xl: &["maxmem"],
        set: |config, value| {
            config.memory_kib = form::memory_kib(memory(value)?)?;
            Ok(())
        },
    },
    Key {
        path: "boot.kernel",
        form: "an absolute path",
        need: Need::Required,
        example: "\"/boot/vmlinuz\"",
        doc: "An ELF or bzImage kernel with a PVH entry note; gzip, bzip2, xz, lzma, lz4 and zstd payloads are unpacked.",
        xl: &[],
        set: |config, value| {
            let path = text(value)?;
            form::path(path).map(|()| config.boot.kernel = path.to_owned())
        },
    },
    Key {
        path: "boot.initrd",
        form: "an absolute path",
        need: Need::Default("none"),
        example: "\"/boot/initrd.img\"",
        doc: "The initial ramdisk, handed to the kernel as it is.",
        xl: &["ramdisk"],
        set: |config, value| {
            let path = text(value)?;
            form::path(path).map(|()| config.boot.initrd = Some(path.to_owned()))
        },
    },
    Key {
        path: "boot.cmdline",
        form: "text",
        need: Need::Default("\"\""),
        example: "\"console=hvc0 quiet\"",
        doc: "The kernel's command line; console=hvc0 brings a Linux kernel's messages to `xenith console`.",
        xl: &["extra", "root"],
        set: |config, value| {
            let line = text(value)?;
            form::cmdline(line).map(|()| config.boot.cmdline = line.to_owned())
        },
    },
    Key {
        path: "on.poweroff",
        form: ACTIONS,
        need: Need::Default("\"destroy\""),
        example: "\"destroy\"",
        doc: "What to do when the domain powers itself off. rename-restart keeps the stopped domain under another name beside the new one.",
        xl: &[],
        set: |config, value| {
            config.on.poweroff = action(value)?;
            Ok(())
        },
    },
    Key {
        path: "on.reboot",
        form: ACTIONS,
        need: Need::Default("\"restart\""),
        example: "\"restart\"",
        doc: "What to do when the domain asks for a reboot.",
        xl: &[],
        set: |config, value| {
            config.on.reboot = action(value)?;
            Ok(())
        },
    },
    Key {
        path: "on.crash",
        form: ACTIONS,
        need: Need::Default("\"destroy\""),
        example: "\"preserve\"",
        doc: "What to do when the domain crashes; preserve keeps it as it is, for somebody to look at; coredump-destroy and coredump-restart write its memory to a file first.",
        xl: &[],
        set: |config, value| {
            config.on.crash = action(value)?;
            Ok(())
        },
    },
    Key {
        path: "on.watchdog",
        form: ACTIONS,
        need: Need::Default("\"destroy\""),
        example: "\"restart\"",
        doc: "What to do when the domain's own watchdog runs out.",
        xl: &[],
        set: |config, value| {
            config.on.watchdog = action(value)?;
            Ok(())
        },
    },
    Key {
        path: "on.soft_reset",
        form: ACTIONS,
        need: Need::Default("\"soft-reset\""),
        example: "\"soft-reset\"",
        doc: "What to do when the domain's kernel starts another one (kexec); soft-reset lets it.",
        xl: &[],
        set: |config, value| {
            config.on.soft_reset = action(value)?;
            Ok(())
        },
    },
    Key {
        path: "start.auto",
        form: "true or false",
        need: Need::Default("false"),
        example: "true",
        doc: "Whether the domain starts when the host does, once its config is stored (`xenith config set`, `xenith apply`).",
        xl: &[],
        set: |config, value| {
            let wrong = || Wrong::form(format!("must be true or false without quotes, not {}", article(value)));
            config.start.auto = value.as_bool().ok_or_else(wrong)?;
            Ok(())
        },
    },
    Key {
        path: "start.order",
        form: "a whole number",
        need: Need::Default("0"),
        example: "10",
        doc: "Domains of a lower number start before those of a higher one; those of the same number start side by side.",
        xl: &[],
        set: |config, value| {
            let wrong = |_| Wrong::form(format!("is more than {}", u32::MAX));
            config.start.order = u32::try_from(whole_number(value)?).map_err(wrong)?;
            Ok(())
        },
    },
    Key {
        path: "start.after",
        form: "names in brackets",
        need: Need::Default("[]"),
        example: "[\"db\"]",
        doc: "Domains that start with the host as well, and must run before this one starts.",
        xl: &[],
        set: |config, value| {
            let list = value.as_array().ok_or_else(|| Wrong::form(format!("must be names in brackets, not {}", article(value))))?;
            let names = list.iter().map(|name| text(name.get_ref()).map(str::to_owned)).collect::<Result<Vec<String>, Wrong>>()?;
            form::after(&names).map(|()| config.start.after = names)
        },
    },
];

/// `an integer`, for "must be text, not an integer".
pub(super) fn article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    format!("{} {kind}", if kind.starts_with(['a', 'i']) { "an" } else { "a" })
}

fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Wrong> {
    value.as_str().ok_or_else(|| Wrong::form(format!("must be text in quotes, not {}", article(value))))
}

fn whole_number(value: &DeValue<'_>) -> Result<u64, Wrong> {
    let wrong = || Wrong::form(format!("must be a whole number without quotes, not {}", article(value)));
    let number = value.as_integer().ok_or_else(wrong)?;
    // A negative number, or one beyond 64 bits, is a number all the same: the range is what it misses.
    Ok(u64::from_str_radix(number.as_str(), number.radix()).unwrap_or(u64::MAX))
}

fn memory(value: &DeValue<'_>) -> Result<u64, Wrong> {
    // xl.cfg reads a bare number as MiB, our requests read it as KiB: a file must say which.
    if let Some(number) = value.as_integer() {
        return Err(Wrong::form(format!("has no unit; write \"{}MiB\" in quotes", shorten(number.as_str()))));
    }
    memory_from_text(text(value)?).map_err(Wrong::form)
}

fn action(value: &DeValue<'_>) -> Result<Action, Wrong> {
    one_of(text(value)?, &Action::ALL)
}

fn one_of<T: Copy>(written: &str, known: &[(&str, T)]) -> Result<T, Wrong> {
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == written) {
        return Ok(*value);
    }
    let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
    let hint = nearest::word(written, words.iter().copied()).map_or_else(String::new, |word| format!("; did you mean \"{word}\"?"));
    Err(Wrong::form(format!("must be {}{hint}", either(&words))))
}

/// `"a", "b" or "c"`.
fn either(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => format!("\"{word}\""),
        [word, last] => format!("\"{word}\" or \"{last}\""),
        [word, rest @ ..] => format!("\"{word}\", {}", either(rest)),
    }
}
