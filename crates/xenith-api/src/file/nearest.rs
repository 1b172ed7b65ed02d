//! The known word that a misspelt one most likely stands for.

use super::keys::{KEYS, TABLES};

/// Up to a third of the letters may differ, and one always may.
fn near(written: &str, known: &str) -> Option<usize> {
    let distance = strsim::osa_distance(&written.to_lowercase(), &known.to_lowercase());
    (distance <= (known.chars().count() / 3).max(1)).then_some(distance)
}

/// The nearest of some words, where one is near enough.
pub(super) fn word<'w>(written: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    known.into_iter().filter_map(|word| Some((near(written, word)?, word))).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// What to write for the unknown key: `boot.kernel`, or `[boot]` for a table. A key of the right name in the wrong table and a key
/// under the name that xl.cfg gives it are found too.
pub(super) fn key(written: &str) -> Option<String> {
    let name = written.rsplit('.').next().unwrap_or(written);
    let paths = KEYS.iter().map(|key| (key.path, key.path.to_owned())).chain(TABLES.iter().map(|t| (t.path, format!("[{}]", t.path))));
    let whole = paths.filter_map(|(path, text)| Some((near(written, path)?, text)));
    // A name alone says less than a path: it counts as one letter further away.
    let names = KEYS.iter().filter_map(|key| Some((near(name, key.split().1)? + 1, key.path.to_owned())));
    let in_xl = KEYS.iter().filter(|key| key.xl.contains(&name)).map(|key| (0, key.path.to_owned()));
    whole.chain(names).chain(in_xl).min_by_key(|(distance, _)| *distance).map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_keys() {
        for (written, expected) in [
            ("boot.kernal", Some("boot.kernel")),
            ("nmae", Some("name")),
            ("vcpu", Some("vcpus")),
            ("Memory", Some("memory")),
            ("kernel", Some("boot.kernel")),
            ("on_poweroff", Some("on.poweroff")),
            ("ramdisk", Some("boot.initrd")),
            ("extra", Some("boot.cmdline")),
            ("boot.type", Some("type")),
            ("bot", Some("[boot]")),
            ("on.crashed", Some("on.crash")),
            ("vif", None),
            ("disk", None),
            ("", None),
        ] {
            assert_eq!(key(written).as_deref(), expected, "{written}");
        }
    }
}
