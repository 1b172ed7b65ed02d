//! Names: short, plain, and never to be taken for a domid or a uuid, since the API finds a domain by any of the three.

use uuid::Uuid;
use xenith_api::latest::{Code, Complaint, DomainConfig};

use super::complaint;

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 63;

/// What is wrong with a name, or none.
#[must_use]
pub fn name_fault(name: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        Some("a name has 1 to 63 characters")
    } else if !name.bytes().all(plain) {
        Some("a name has only letters, digits and . _ + -")
    } else if name.bytes().all(|byte| byte.is_ascii_digit()) {
        Some("digits alone would read as a domid; add a letter")
    } else if Uuid::try_parse(name).is_ok() {
        Some("this would read as a uuid; choose another name")
    } else if name == "." || name == ".." {
        Some("this is a directory, not a name")
    } else if name == "Domain-0" {
        Some("Domain-0 is the control domain; choose another name")
    } else {
        None
    }
}

pub(super) fn check(config: &DomainConfig) -> Option<Complaint> {
    name_fault(&config.name).map(|fault| complaint(Code::ConfigBadValue, "name", &config.name, fault))
}
