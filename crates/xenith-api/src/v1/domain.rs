//! Domains: what is wanted of one, and what is seen of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::problem::shorten;

/// What a domain shall be. The same model is read from TOML files and from the API's JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainConfig {
    /// 1 to 63 characters of `[A-Za-z0-9._+-]`, not digits alone, unique on the host.
    pub name: String,
    /// Given, or chosen at create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// The kind of container; `pvh` is the one so far.
    #[serde(rename = "type", default)]
    pub kind: DomainType,
    /// 1 to 128.
    #[serde(default = "one")]
    pub vcpus: u32,
    /// Memory in KiB, a multiple of 4; in files and requests also text with a unit: `"512MiB"`.
    #[serde(rename = "memory", with = "memory_text")]
    #[schemars(schema_with = "memory_text::schema")]
    pub memory_kib: u64,
    /// What it boots.
    pub boot: Boot,
    /// What happens when it stops.
    #[serde(default)]
    pub on: On,
    /// Whether and when it starts with the host, once it is stored.
    #[serde(default, skip_serializing_if = "Start::is_default")]
    pub start: Start,
}

fn one() -> u32 {
    1
}

/// The kind of container that Xen makes for the domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DomainType {
    /// Hardware virtualization without emulated devices.
    #[default]
    Pvh,
}

/// What a domain boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// Absolute path of an ELF or bzImage kernel with a PVH entry note.
    pub kernel: String,
    /// Absolute path of the initial ramdisk, handed over as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<String>,
    /// The kernel's command line.
    #[serde(default)]
    pub cmdline: String,
}

/// Whether and when a stored config's domain starts with the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Start {
    /// It starts with the host.
    pub auto: bool,
    /// Those of a lower number start before those of a higher one.
    pub order: u32,
    /// Names of domains that start with the host as well, and before it.
    pub after: Vec<String>,
}

impl Start {
    fn is_default(&self) -> bool {
        *self == Start::default()
    }
}

/// What happens when a domain stops by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct On {
    /// It powered off (SHUTDOWN_poweroff).
    pub poweroff: Action,
    /// It asked for a reboot (SHUTDOWN_reboot).
    pub reboot: Action,
    /// It crashed (SHUTDOWN_crash).
    pub crash: Action,
    /// Its watchdog ran out (SHUTDOWN_watchdog).
    pub watchdog: Action,
    /// Its kernel starts another one in its place (SHUTDOWN_soft_reset).
    pub soft_reset: Action,
}

impl Default for On {
    fn default() -> Self {
        On {
            poweroff: Action::Destroy,
            reboot: Action::Restart,
            crash: Action::Destroy,
            watchdog: Action::Destroy,
            soft_reset: Action::SoftReset,
        }
    }
}

/// What to do with a domain that stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Free everything it had.
    Destroy,
    /// Destroy it and create it again from the same config and uuid.
    Restart,
    /// Keep it stopped under another name and uuid, and create it again.
    RenameRestart,
    /// Keep it as it is, for somebody to look at.
    Preserve,
    /// Write a core dump, and destroy it.
    CoredumpDestroy,
    /// Write a core dump, and restart it.
    CoredumpRestart,
    /// Let it go on from where it stopped, with its memory, on a machine that was reset: what a kernel that starts another one (kexec) asks for.
    SoftReset,
}

impl Action {
    /// Every action with its word.
    pub const ALL: [(&'static str, Action); 7] = [
        ("destroy", Action::Destroy),
        ("restart", Action::Restart),
        ("rename-restart", Action::RenameRestart),
        ("preserve", Action::Preserve),
        ("coredump-destroy", Action::CoredumpDestroy),
        ("coredump-restart", Action::CoredumpRestart),
        ("soft-reset", Action::SoftReset),
    ];

    /// Whether the domain runs afterwards.
    #[must_use]
    pub fn brings_back(self) -> bool {
        matches!(self, Action::Restart | Action::RenameRestart | Action::CoredumpRestart | Action::SoftReset)
    }

    /// Whether a core dump is written.
    #[must_use]
    pub fn dumps(self) -> bool {
        matches!(self, Action::CoredumpDestroy | Action::CoredumpRestart)
    }
}

/// `POST /v1/domains`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// What to create.
    pub config: DomainConfig,
    /// Leave it paused before its first instruction.
    #[serde(default)]
    pub paused: bool,
    /// Plan only: nothing is done.
    #[serde(default)]
    pub dry_run: bool,
}

/// The answer to a create.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreateResponse {
    /// The domain; none for a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// The plan's steps in order, as stable text, with how long each took.
    pub plan: Vec<Step>,
    /// What it cost the host; none for a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// What a create cost the host, counted from the first step to the look at the finished domain. Counts repeat where times do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Hypercalls; a multicall counts as its entries.
    pub hypercalls: u64,
    /// How often Xen was entered for them; a multicall counts once.
    pub traps: u64,
    /// Mappings of the domain's memory and grant table.
    pub mappings: u64,
    /// The frames of 4 KiB in those mappings.
    pub mapped_frames: u64,
    /// Requests to the store.
    pub store_requests: u64,
    /// How often the create stopped to wait for the store.
    pub store_waits: u64,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The step as text: `create domain, 2 vcpus, hap`.
    pub text: String,
    /// What undoes it, as text.
    pub undo: String,
    /// How long it took; none where it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
}

/// A domain as it is seen now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Domain {
    /// Its name; for a domain that nobody named, `(domid)`, as in `(5)`.
    pub name: String,
    /// Its number until it is gone.
    pub domid: u16,
    /// Its identity over time.
    pub uuid: Uuid,
    /// What it does.
    pub state: DomainState,
    /// Vcpus online.
    pub vcpus: u32,
    /// Memory that it holds, in KiB.
    pub memory_kib: u64,
    /// Time its vcpus ran, in seconds.
    pub cpu_seconds: f64,
    /// It is left stopped, whatever its config wants: it restarted too often in a row, or was kept when its successor was created.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// What it was created from; for a domain that others made, what libxl says of it, where that can be said here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<DomainConfig>,
}

/// What a domain does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DomainState {
    /// At least one vcpu runs or wants to.
    Running,
    /// Every vcpu waits for an event.
    Blocked,
    /// Paused by the toolstack.
    Paused,
    /// It stopped by itself and is kept.
    Shutdown,
    /// It crashed and is kept.
    Crashed,
    /// Xen is freeing what it had.
    Dying,
}

/// `POST /v1/domains/{id}/shutdown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutdownRequest {
    /// How long to wait for the domain to go away, in seconds; 0 returns once it was asked.
    #[serde(default)]
    pub wait_seconds: u64,
}

/// `POST /v1/domains/{id}/rename`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameRequest {
    /// The new name: 1 to 63 characters of `[A-Za-z0-9._+-]`, not digits alone, unique on the host.
    pub name: String,
}

/// `POST /v1/domains/{id}/resize`. At least one of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResizeRequest {
    /// The memory that it shall have, in KiB, a multiple of 4, or text with a unit: `"256MiB"`; at most what it was started with.
    #[serde(rename = "memory", default, skip_serializing_if = "Option::is_none", with = "memory_text::maybe")]
    #[schemars(schema_with = "memory_text::schema")]
    pub memory_kib: Option<u64>,
    /// How many of its vcpus shall be online: from 1 to as many as it was created with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcpus: Option<u32>,
}

/// Memory as a number of KiB, or as text with a unit.
mod memory_text {
    use schemars::{Schema, SchemaGenerator, json_schema};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Answers tell text; requests may also have a number.
    pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({ "type": "string", "pattern": "^[0-9]+ *(KiB|MiB|GiB|TiB)$" });
        match generator.contract().is_serialize() {
            true => text,
            false => json_schema!({ "anyOf": [text, { "type": "integer", "minimum": 0 }] }),
        }
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Kib(u64),
    }

    pub(super) fn serialize<S: Serializer>(kib: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&crate::v1::domain::memory_to_text(*kib))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        match Either::deserialize(from)? {
            Either::Kib(kib) => Ok(kib),
            Either::Text(text) => crate::v1::domain::memory_from_text(&text)
                .map_err(|wrong| D::Error::custom(format!("memory \"{}\" {wrong}", crate::v1::problem::shorten(&text)))),
        }
    }

    /// The same where it may be left out.
    pub(super) mod maybe {
        use serde::{Deserializer, Serializer};

        pub(in super::super) fn serialize<S: Serializer>(kib: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
            match kib {
                Some(kib) => super::serialize(kib, to),
                None => to.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
            super::deserialize(from).map(Some)
        }
    }
}

/// Reads `"512MiB"`, `"2GiB"`, `"8192KiB"`, `"1TiB"` as KiB: binary units only, since Xen counts pages. The error says what is wrong
/// with the text, without the text.
pub fn memory_from_text(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a whole number with a unit, like \"512MiB\"".to_owned());
    }
    let scale: u64 = match text.get(digits.len()..).unwrap_or("").trim() {
        "KiB" => 1,
        "MiB" => 1 << 10,
        "GiB" => 1 << 20,
        "TiB" => 1 << 30,
        "" => return Err(format!("has no unit; write \"{}MiB\"", shorten(digits))),
        unit => return Err(format!("has the unknown unit \"{}\"; use KiB, MiB, GiB or TiB", shorten(unit))),
    };
    let count = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(scale));
    count.ok_or_else(|| "is more than can be counted".to_owned())
}

/// The shortest text that [`memory_from_text`] reads as the same amount.
#[must_use]
pub fn memory_to_text(kib: u64) -> String {
    let units = [(30, "TiB"), (20, "GiB"), (10, "MiB")];
    match units.into_iter().find(|(shift, _)| kib != 0 && kib.trailing_zeros() >= *shift) {
        Some((shift, unit)) => format!("{}{unit}", kib >> shift),
        None => format!("{kib}KiB"),
    }
}
