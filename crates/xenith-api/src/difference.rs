//! Where two configs differ: key by key, in the order of the keys. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::v1::{Difference, DomainConfig};

/// The keys that the two do not agree on. A uuid that the second leaves out is whatever the first has.
#[must_use]
pub fn between(from: &DomainConfig, to: &DomainConfig) -> Vec<Difference> {
    let mut to = to.clone();
    to.uuid = to.uuid.or(from.uuid);
    let (from, to) = (leaves(from), leaves(&to));
    let keys: std::collections::BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let differ = keys.into_iter().filter(|key| from.get(*key) != to.get(*key));
    differ.map(|key| Difference { key: key.clone(), from: from.get(key).cloned(), to: to.get(key).cloned() }).collect()
}

/// Every value with its key; a list counts as one value.
fn leaves(config: &DomainConfig) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    // A config holds strings, numbers and tables of them: turning it into a value cannot fail.
    walk("", &serde_json::to_value(config).unwrap_or_default(), &mut all);
    all
}

fn walk(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(&path, value, into);
            }
        }
        value => drop(into.insert(path.to_owned(), value.to_string())),
    }
}

/// `vcpus: 1 -> 2`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{}: {} -> {}", self.key, word(&self.from), word(&self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(rest: &str) -> DomainConfig {
        serde_json::from_str(&format!(r#"{{"name":"web","memory":"64MiB","boot":{{"kernel":"/k"}}{rest}}}"#)).unwrap()
    }

    #[test]
    fn differences() {
        let uuid = r#","uuid":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55""#;
        for (from, to, expected) in [
            ("", "", &[][..]),
            (uuid, "", &[]),
            ("", uuid, &[r#"uuid: nothing -> "0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55""#]),
            ("", r#","vcpus":2,"on":{"crash":"preserve"}"#, &[r#"on.crash: "destroy" -> "preserve""#, "vcpus: 1 -> 2"]),
        ] {
            let told: Vec<String> = between(&config(from), &config(to)).iter().map(Difference::to_string).collect();
            assert_eq!(told, expected, "{from} {to}");
        }
    }
}
