//! What is wrong with a config by its values alone: pure, and everything at once.
//!
//! The form of each value is the API's own (`xenith_api::latest::form`), shared with files. What only the daemon can say is added here;
//! what needs the host is said by the plan.

use uuid::Uuid;
use xenith_api::latest::domain::memory_to_text;
use xenith_api::latest::form;
use xenith_api::latest::problem::shorten;
use xenith_api::latest::{Code, Complaint, DomainConfig, Problem};

/// The longest command line, in bytes. Linux reads 2048 of them (`COMMAND_LINE_SIZE`, x86); other kernels may read more.
pub const CMDLINE_BYTES_MAX: usize = 4095;

/// `PATH_MAX` of Linux without its final zero.
const PATH_BYTES_MAX: usize = 4095;

/// Every complaint about the config's values, in the order of the keys.
#[must_use]
pub fn complaints(config: &DomainConfig) -> Vec<Complaint> {
    let boot = &config.boot;
    let mut all = config.form_complaints();
    if let Some(fault) = reserved(&config.name) {
        all.insert(0, Complaint::new(Code::ConfigBadValue, "name", fault).value(&config.name));
    }
    if config.uuid.is_some_and(|uuid| uuid.is_nil()) {
        let message = "this is the control domain's uuid; choose another, or leave it out";
        all.push(Complaint::new(Code::ConfigBadValue, "uuid", message).value(&Uuid::nil().to_string()));
    }
    all.extend(too_long("boot.kernel", &boot.kernel, PATH_BYTES_MAX));
    all.extend(too_long("boot.initrd", boot.initrd.as_deref().unwrap_or(""), PATH_BYTES_MAX));
    all.extend(too_long("boot.cmdline", &boot.cmdline, CMDLINE_BYTES_MAX));
    all
}

/// What is wrong with a name alone.
#[must_use]
pub fn name(name: &str) -> Vec<Complaint> {
    let form = form::name(name).err().map(|wrong| Complaint::new(wrong.code, "name", wrong.message));
    let reserved = reserved(name).map(|fault| Complaint::new(Code::ConfigBadValue, "name", fault));
    reserved.or(form).into_iter().map(|complaint| complaint.value(name)).collect()
}

/// What is wrong with a size that a domain shall have while it runs.
#[must_use]
pub fn size(memory_kib: Option<u64>, vcpus: Option<u32>) -> Vec<Complaint> {
    let wrong = |key: &str, value: String, wrong: form::Wrong| Complaint::new(wrong.code, key, wrong.message).value(&value);
    let memory = memory_kib.and_then(|kib| form::memory_kib(kib).err().map(|fault| wrong("memory", memory_to_text(kib), fault)));
    let vcpus = vcpus.and_then(|count| form::vcpus(count.into()).err().map(|fault| wrong("vcpus", count.to_string(), fault)));
    memory.into_iter().chain(vcpus).collect()
}

/// Well-formed names that would be taken for something else: the API finds a domain by name, domid or uuid.
fn reserved(name: &str) -> Option<&'static str> {
    match name {
        "Domain-0" => Some("this is the control domain's name; choose another"),
        "." | ".." => Some("this names a directory; choose another"),
        _ if Uuid::try_parse(name).is_ok() => Some("this would read as a uuid; choose another name"),
        _ => None,
    }
}

fn too_long(key: &str, value: &str, most: usize) -> Option<Complaint> {
    let bytes = value.len();
    let message = || format!("{bytes} bytes are too many; use at most {most}");
    (bytes > most).then(|| Complaint::new(Code::ConfigOutOfRange, key, message()).value(value))
}

/// The complaints as one problem; none where there are none.
#[must_use]
pub fn problem(name: &str, complaints: Vec<Complaint>) -> Option<Problem> {
    let first = complaints.first()?;
    let subject = format!("domain {}", shorten(name));
    let title = match complaints.len() {
        1 => first.to_string(),
        count => format!("the config of {subject} has {count} faults: {}", keys(&complaints)),
    };
    // What is not about the config's form keeps its own code.
    let form = [Code::ConfigBadValue, Code::ConfigOutOfRange, Code::ConfigUnknownKey, Code::ConfigMissingKey, Code::ConfigSyntax];
    let alike = complaints.iter().all(|complaint| complaint.code == first.code) && !form.contains(&first.code);
    let code = if alike { first.code } else { Code::ConfigInvalid };
    let mut problem = Problem::new(code, subject, title, "correct the named keys");
    problem.complaints = complaints;
    Some(problem)
}

fn keys(complaints: &[Complaint]) -> String {
    complaints.iter().map(|complaint| complaint.key.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use xenith_api::latest::{Boot, DomainType, On, Start};

    fn good() -> DomainConfig {
        DomainConfig {
            name: "web".to_owned(),
            uuid: None,
            kind: DomainType::Pvh,
            vcpus: 1,
            memory_kib: 8192,
            boot: Boot { kernel: "/boot/vmlinuz".to_owned(), initrd: None, cmdline: String::new() },
            on: On::default(),
            start: Start::default(),
        }
    }

    #[test]
    fn each_key_is_complained_about_by_name() {
        type Change = fn(&mut DomainConfig);
        let table: &[(Change, &[&str])] = &[
            (|_| {}, &[]),
            (|c| c.name = String::new(), &["name"]),
            (|c| c.name = "Domain-0".into(), &["name"]),
            (|c| c.name = "..".into(), &["name"]),
            (|c| c.name = "5b0c3d8e-6a5c-4c6e-9df0-0c2f3b1c9a77".into(), &["name"]),
            (|c| c.uuid = Some(Uuid::nil()), &["uuid"]),
            (|c| c.uuid = Some(Uuid::max()), &[]),
            (|c| c.boot.kernel = format!("/{}", "k".repeat(5000)), &["boot.kernel"]),
            (|c| c.boot.initrd = Some("initrd.img".into()), &["boot.initrd"]),
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
            let mut config = good();
            change(&mut config);
            let keys: Vec<String> = complaints(&config).into_iter().map(|complaint| complaint.key).collect();
            assert_eq!(keys, *expected, "row {row}");
        }
    }

    #[test]
    fn one_fault_is_told_whole_and_several_by_key() {
        let mut config = good();
        config.vcpus = 0;
        let one = problem("web", complaints(&config)).expect("a problem");
        assert_eq!(one.detail, "vcpus = 0: a domain has 1 to 128 vcpus");
        config.memory_kib = 4;
        let two = problem("web", complaints(&config)).expect("a problem");
        assert_eq!(two.detail, "the config of domain web has 2 faults: vcpus, memory");
        assert!(problem("web", Vec::new()).is_none());
    }
}
