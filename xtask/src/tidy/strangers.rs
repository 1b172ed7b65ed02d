//! What stays out of the repository: paths of somebody's machine, binaries, words that only a session knows.

use anyhow::Result;

use super::source::Tree;

/// Beginnings of paths that exist on one machine only. Built at run time so that this file does not find itself.
fn machine_paths() -> Vec<String> {
    ["home", "root", "work", "Users"].iter().map(|first| format!("/{first}/")).collect()
}

/// Machine paths in any text file.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    let paths = machine_paths();
    let findings = tree.files.iter().flat_map(|file| {
        let lines = file.text.lines().enumerate().filter_map(|(index, text)| {
            let found = paths.iter().find(|path| starts_path(text, path))?;
            Some(format!("{}:{}: a path below {found}", file.path, index + 1))
        });
        lines.collect::<Vec<_>>()
    });
    Ok(findings.collect())
}

/// Whether `path` stands in `text` as the beginning of an absolute path.
fn starts_path(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~*/$}\\".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::starts_path;

    #[test]
    fn finds_absolute_paths_only() {
        let home = format!("/{}/", "home");
        let cases =
            [(format!("cd {home}x"), true), (format!("\"{home}x\""), true), (format!("lab{home}x"), false), ("~/x".to_string(), false)];
        for (text, expected) in cases {
            assert_eq!(starts_path(&text, &home), expected, "{text}");
        }
    }
}
