//! The tree's sources, with comments, strings and tests told apart, so that a check looks only at what it means.

#![allow(clippy::indexing_slicing, reason = "the workshop may stop: nothing of it ships")]

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Everything that git tracks or would track.
pub struct Tree {
    /// The repository's root.
    pub root: PathBuf,
    /// Every text file.
    pub files: Vec<File>,
}

/// One file.
pub struct File {
    /// Path below the root, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// One line of Rust with its parts told apart.
pub struct Line {
    /// From 1.
    pub number: usize,
    /// The line without comments, string contents blanked.
    pub code: String,
    /// The contents of its string literals.
    pub strings: Vec<String>,
    /// Within a `#[cfg(test)]` item.
    pub test: bool,
}

impl Tree {
    /// Reads what git tracks, and what it would track.
    pub fn read(root: &Path) -> Result<Tree> {
        let listing = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(root)
            .output()
            .context("git ls-files: is git installed?")?;
        ensure!(listing.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&listing.stderr));
        let names = String::from_utf8(listing.stdout)?;
        let files = names
            .split_terminator('\0')
            .filter_map(|path| {
                let text = std::fs::read_to_string(root.join(path)).ok()?;
                Some(File { path: path.to_string(), text })
            })
            .collect();
        Ok(Tree { root: root.to_path_buf(), files })
    }

    /// Rust files below any of these prefixes.
    pub fn rust<'a>(&'a self, prefixes: &'a [&'a str]) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.ends_with(".rs") && prefixes.iter().any(|prefix| file.path.starts_with(prefix)))
    }
}

impl File {
    /// Whether the whole file is test code.
    pub fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs") || self.path.contains("/examples/")
    }

    /// The file's lines, parts told apart.
    pub fn lines(&self) -> Vec<Line> {
        let mut scanner = Scanner::default();
        let mut tests = TestItems::default();
        let whole = self.is_test();
        self.text
            .lines()
            .enumerate()
            .map(|(index, text)| {
                let (code, strings) = scanner.line(text);
                let test = tests.line(&code) || whole;
                Line { number: index + 1, code, strings, test }
            })
            .collect()
    }
}

/// Follows comments and strings over lines.
#[derive(Default)]
struct Scanner {
    comment_depth: usize,
    /// Inside a string literal: how many `#` close it; none for a plain one.
    string: Option<Option<usize>>,
    open: String,
}

impl Scanner {
    fn line(&mut self, text: &str) -> (String, Vec<String>) {
        let chars: Vec<char> = text.chars().collect();
        let (mut code, mut strings, mut at) = (String::new(), Vec::new(), 0);
        while at < chars.len() {
            at += self.step(&chars[at..], &mut code, &mut strings);
        }
        if self.string.is_some() {
            self.open.push('\n');
        }
        (code, strings)
    }

    fn step(&mut self, rest: &[char], code: &mut String, strings: &mut Vec<String>) -> usize {
        if let Some(hashes) = self.string {
            return self.in_string(rest, hashes, strings);
        }
        let two = (rest[0], rest.get(1).copied().unwrap_or(' '));
        if self.comment_depth > 0 || two == ('/', '*') {
            match two {
                ('/', '*') => self.comment_depth += 1,
                ('*', '/') => self.comment_depth -= 1,
                _ => return 1,
            }
            return 2;
        }
        match two {
            ('/', '/') => rest.len(),
            ('"', _) => self.begin(None, 1),
            ('r', '"' | '#') if !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
                if rest.get(1 + hashes) == Some(&'"') { self.begin(Some(hashes), 2 + hashes) } else { copy(rest, code) }
            }
            ('\'', '\\') => 2 + rest[2..].iter().skip(1).position(|c| *c == '\'').map_or(rest.len() - 2, |end| end + 2),
            ('\'', _) if rest.get(2) == Some(&'\'') => 3,
            _ => copy(rest, code),
        }
    }

    fn begin(&mut self, hashes: Option<usize>, skip: usize) -> usize {
        self.string = Some(hashes);
        self.open.clear();
        skip
    }

    fn in_string(&mut self, rest: &[char], hashes: Option<usize>, strings: &mut Vec<String>) -> usize {
        match (hashes, rest[0]) {
            (None, '\\') => {
                self.open.extend(rest.iter().take(2));
                2
            }
            (None, '"') => self.end(strings, 1),
            (Some(count), '"') if rest[1..].iter().take_while(|c| **c == '#').count() >= count => self.end(strings, 1 + count),
            (_, c) => {
                self.open.push(c);
                1
            }
        }
    }

    fn end(&mut self, strings: &mut Vec<String>, skip: usize) -> usize {
        self.string = None;
        strings.push(std::mem::take(&mut self.open));
        skip
    }
}

fn copy(rest: &[char], code: &mut String) -> usize {
    code.push(rest[0]);
    1
}

/// Follows `#[cfg(test)]` items by their braces.
#[derive(Default)]
struct TestItems {
    armed: bool,
    depth: i64,
}

impl TestItems {
    fn line(&mut self, code: &str) -> bool {
        if self.depth == 0 && code.contains("#[cfg(test)]") {
            self.armed = true;
        }
        let test = self.armed || self.depth > 0;
        if test {
            self.depth += code.matches('{').count() as i64 - code.matches('}').count() as i64;
            let ended = code.contains('}') || code.trim_end().ends_with(';');
            self.armed &= !(self.depth > 0 || ended);
        }
        test
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        File { path: "crates/x/src/lib.rs".to_string(), text: text.to_string() }.lines()
    }

    #[test]
    fn tells_comments_and_strings_from_code() {
        let text = "let a = \"un\\\"safe\"; // unsafe\n/* unsafe\n*/ let b = r#\"x\"y\"#;\nlet c = '\"'; let d: &'static str = \"e\";";
        let lines = lines(text);
        let code: Vec<&str> = lines.iter().map(|line| line.code.trim()).collect();
        assert_eq!(code, ["let a = ;", "", "let b = ;", "let c = ; let d: &'static str = ;"]);
        let strings: Vec<&String> = lines.iter().flat_map(|line| &line.strings).collect();
        assert_eq!(strings, ["un\\\"safe", "x\"y", "e"]);
    }

    #[test]
    fn tells_tests_from_the_rest() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { c() }\n}\nfn d() {}\n#[cfg(test)]\nuse x;\nfn e() {}";
        let test: Vec<bool> = lines(text).iter().map(|line| line.test).collect();
        assert_eq!(test, [false, true, true, true, true, false, true, true, false]);
    }
}
