//! What is wrong with a config by its values alone: pure, and everything at once.
//!
//! ```text
//!   DomainConfig --> name --> numbers --> boot --> Vec<Complaint>     (empty: nothing to complain about)
//! ```
//!
//! Unknown keys, wrong types and file lines are said where the text is read (`xenith-api`); what needs the host is said by the plan.

mod boot;
mod name;
mod numbers;

use xenith_api::latest::{Code, Complaint, DomainConfig, Problem};

pub use boot::CMDLINE_BYTES_MAX;
pub use name::{NAME_BYTES_MAX, name_fault};
pub use numbers::{MEMORY_KIB_MAX, MEMORY_KIB_MIN, VCPUS_MAX};

/// Every complaint about the config's values, in the order of the keys.
#[must_use]
pub fn complaints(config: &DomainConfig) -> Vec<Complaint> {
    let mut all = Vec::new();
    all.extend(name::check(config));
    all.extend(numbers::vcpus(config));
    all.extend(numbers::memory(config));
    all.extend(boot::check(config));
    all
}

/// The complaints as one problem; none where there are none.
#[must_use]
pub fn problem(name: &str, complaints: Vec<Complaint>) -> Option<Problem> {
    let first = complaints.first()?;
    let title = match complaints.len() {
        1 => format!("{}: {}", first.key, first.message),
        count => format!("the config of domain {} has {count} faults: {}", shortened(name), keys(&complaints)),
    };
    let mut problem = Problem::new(Code::ConfigInvalid, format!("domain {}", shortened(name)), title, "correct the named keys");
    problem.complaints = complaints;
    Some(problem)
}

fn keys(complaints: &[Complaint]) -> String {
    complaints.iter().map(|complaint| complaint.key.as_str()).collect::<Vec<_>>().join(", ")
}

/// A complaint about `key` with the value as it was written.
fn complaint(code: Code, key: &str, value: impl Into<String>, message: impl Into<String>) -> Complaint {
    Complaint { code, key: key.to_owned(), value: Some(shortened(&value.into())), line: None, message: message.into() }
}

/// At most 80 characters, so that a hostile value does not fill a log.
fn shortened(value: &str) -> String {
    match value.char_indices().nth(80) {
        Some((at, _)) => format!("{}...", value.get(..at).unwrap_or_default()),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xenith_api::latest::{Boot, DomainType, On};

    fn good() -> DomainConfig {
        DomainConfig {
            name: "web".to_owned(),
            uuid: None,
            kind: DomainType::Pvh,
            vcpus: 1,
            memory_kib: 8192,
            boot: Boot { kernel: "/boot/vmlinuz".to_owned(), initrd: None, cmdline: String::new() },
            on: On::default(),
        }
    }

    fn keys_of(change: impl FnOnce(&mut DomainConfig)) -> Vec<String> {
        let mut config = good();
        change(&mut config);
        complaints(&config).into_iter().map(|complaint| complaint.key).collect()
    }

    #[test]
    fn each_key_is_complained_about_by_name() {
        type Change = fn(&mut DomainConfig);
        let table: &[(Change, &[&str])] = &[
            (|_| {}, &[]),
            (|c| c.name = "a".repeat(63), &[]),
            (|c| c.name = "A-z.9_+".into(), &[]),
            (|c| c.name = String::new(), &["name"]),
            (|c| c.name = "a".repeat(64), &["name"]),
            (|c| c.name = "12".into(), &["name"]),
            (|c| c.name = "a b".into(), &["name"]),
            (|c| c.name = "a/b".into(), &["name"]),
            (|c| c.name = "Domain-0".into(), &["name"]),
            (|c| c.name = "..".into(), &["name"]),
            (|c| c.name = "5b0c3d8e-6a5c-4c6e-9df0-0c2f3b1c9a77".into(), &["name"]),
            (|c| c.vcpus = 0, &["vcpus"]),
            (|c| c.vcpus = 128, &[]),
            (|c| c.vcpus = 129, &["vcpus"]),
            (|c| c.memory_kib = 8188, &["memory"]),
            (|c| c.memory_kib = 8194, &["memory"]),
            (|c| c.memory_kib = MEMORY_KIB_MAX, &[]),
            (|c| c.memory_kib = MEMORY_KIB_MAX + 4, &["memory"]),
            (|c| c.boot.kernel = "vmlinuz".into(), &["boot.kernel"]),
            (|c| c.boot.kernel = String::new(), &["boot.kernel"]),
            (|c| c.boot.kernel = "/a\0b".into(), &["boot.kernel"]),
            (|c| c.boot.initrd = Some("initrd.img".into()), &["boot.initrd"]),
            (|c| c.boot.cmdline = "a\0b".into(), &["boot.cmdline"]),
            (|c| c.boot.cmdline = "x".repeat(CMDLINE_BYTES_MAX), &[]),
            (|c| c.boot.cmdline = "x".repeat(CMDLINE_BYTES_MAX + 1), &["boot.cmdline"]),
            (
                |c| {
                    c.name = "a b".into();
                    c.vcpus = 0;
                    c.memory_kib = 1;
                    c.boot.kernel = "k".into();
                },
                &["name", "vcpus", "memory", "boot.kernel"],
            ),
        ];
        for (row, (change, expected)) in table.iter().enumerate() {
            assert_eq!(keys_of(change), *expected, "row {row}");
        }
    }

    #[test]
    fn one_fault_is_told_whole_and_several_by_key() {
        let mut config = good();
        config.vcpus = 0;
        let one = problem("web", complaints(&config)).expect("a problem");
        assert_eq!(one.title, "vcpus: 0 is outside 1 to 128");
        config.memory_kib = 4;
        let two = problem("web", complaints(&config)).expect("a problem");
        assert_eq!(two.title, "the config of domain web has 2 faults: vcpus, memory");
        assert!(problem("web", Vec::new()).is_none());
    }

    #[test]
    fn long_values_are_shortened() {
        let mut config = good();
        config.boot.kernel = "k".repeat(5000);
        let value = complaints(&config).remove(0).value.expect("a value");
        assert_eq!(value.chars().count(), 83);
    }
}
