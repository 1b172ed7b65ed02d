//! Invariant 1: `unsafe` stands only in xen-sys, and every block there says why it is sound.

#![allow(clippy::indexing_slicing, reason = "the workshop may stop: nothing of it ships")]

use anyhow::Result;

use super::source::{File, Tree};

const HOME: &str = "crates/xen-sys/";

/// `unsafe` outside its home, or without its reason.
pub fn check(tree: &Tree) -> Result<Vec<String>> {
    Ok(tree.rust(&[""]).flat_map(findings).collect())
}

fn findings(file: &File) -> Vec<String> {
    let source: Vec<&str> = file.text.lines().collect();
    let is_unsafe = |code: &str| code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
    file.lines()
        .iter()
        .filter(|line| is_unsafe(&line.code))
        .filter_map(|line| {
            if !file.path.starts_with(HOME) {
                return Some(format!("{}:{}: unsafe outside {HOME}", file.path, line.number));
            }
            (!has_reason(&source, line.number)).then(|| format!("{}:{}: unsafe without a SAFETY comment", file.path, line.number))
        })
        .collect()
}

/// A `SAFETY` or `# Safety` comment on the line, or in the lines of comments, attributes and the same statement above it.
fn has_reason(source: &[&str], number: usize) -> bool {
    let above = source[..number].iter().rev().take(12);
    let mut passed_code = 0;
    for text in above {
        if text.contains("SAFETY:") || text.contains("# Safety") {
            return true;
        }
        let text = text.trim();
        let comment = text.starts_with("//") || text.starts_with("#[") || text.is_empty();
        passed_code += usize::from(!comment);
        if passed_code > 3 {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_has_no_reason() {
        let word = "unsafe";
        let cases = [
            (HOME, format!("// SAFETY: because\n{word} {{ f() }}"), 0),
            (HOME, format!("let a = 1;\n{word} {{ f() }}"), 1),
            ("crates/x/", format!("{word} fn f() {{}}"), 1),
            ("crates/x/", "// unsafe\nlet s = \"unsafe\"; let unsafely = 1;".to_string(), 0),
        ];
        for (home, text, expected) in cases {
            let file = File { path: format!("{home}src/lib.rs"), text };
            assert_eq!(findings(&file).len(), expected, "{}", file.text);
        }
    }
}
