//! Everything the encoders claim about Xen's headers, against what the headers of each release were measured to say.

// The helpers stand outside the test functions, where clippy.toml's leave for tests does not reach.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use xen_abi::Release;
use xen_abi::facts::{CONSTANTS, DOMCTL_VERSION, RECORDS, SYSCTL_VERSION};
use xen_abi::record::{Constant, Member, Record};

/// One file of `facts/`.
#[derive(Deserialize)]
struct Facts {
    /// Bytes of each structure.
    sizes: BTreeMap<String, usize>,
    /// Offset and width of each field in bytes.
    fields: BTreeMap<String, (usize, usize)>,
    /// Values.
    constants: BTreeMap<String, u64>,
}

fn facts(release: &Release) -> Facts {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("facts/{release}.toml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask abi`", path.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is wrong, one line each, empty when all is right.
#[derive(Default)]
struct Complaints(String);

impl Complaints {
    fn check<T: PartialEq + std::fmt::Debug>(&mut self, release: &Release, name: &str, claimed: Option<T>, measured: Option<T>) {
        if claimed != measured {
            let _ = writeln!(self.0, "Xen {release}: {name} is claimed to be {claimed:?}, and was measured as {measured:?}");
        }
    }
}

fn check_member(complaints: &mut Complaints, release: &Release, facts: &Facts, record: &Record, member: &Member) {
    let measured = std::iter::once(member.name).chain(member.once).find_map(|name| facts.fields.get(&format!("{}.{name}", record.name)));
    let claimed = member.field(release).map(|field| (field.offset, field.width));
    complaints.check(release, &format!("{}.{}", record.name, member.name), claimed, measured.copied());
}

fn check_constant(complaints: &mut Complaints, release: &Release, facts: &Facts, constant: &Constant) {
    let claimed = (constant.since <= *release).then_some(constant.value);
    complaints.check(release, constant.name, claimed, facts.constants.get(constant.name).copied());
}

#[test]
fn every_claim_is_what_the_headers_say() {
    let mut complaints = Complaints::default();
    for release in Release::ALL {
        let facts = facts(&release);
        complaints.check(&release, DOMCTL_VERSION, Some(u64::from(release.domctl)), facts.constants.get(DOMCTL_VERSION).copied());
        complaints.check(&release, SYSCTL_VERSION, Some(u64::from(release.sysctl)), facts.constants.get(SYSCTL_VERSION).copied());
        for record in RECORDS {
            complaints.check(&release, record.name, record.size.for_release(&release), facts.sizes.get(record.name).copied());
            record.members.iter().for_each(|member| check_member(&mut complaints, &release, &facts, record, member));
        }
        CONSTANTS.iter().copied().flatten().for_each(|constant| check_constant(&mut complaints, &release, &facts, constant));
    }
    assert!(complaints.0.is_empty(), "\n{}", complaints.0);
}
