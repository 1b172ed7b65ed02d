//! Bash cuts words at `:` and `=` (readline's COMP_WORDBREAKS) before it asks: they are joined again, and it gets back the last piece only.
//!
//! ```text
//!   xenith --host ssh://a --socket=/run/x   is asked as   xenith --host ssh : //a --socket = /run/x
//! ```

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::env::{Bash as Plain, EnvCompleter};

/// Bash, with words as they were typed.
pub struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(&self, var: &str, name: &str, bin: &str, completer: &str, buf: &mut dyn Write) -> io::Result<()> {
        Plain.write_registration(var, name, bin, completer, buf)
    }

    /// The variables are those of the script that [`Plain`] writes.
    fn write_complete(&self, cmd: &mut Command, args: Vec<OsString>, current_dir: Option<&Path>, buf: &mut dyn Write) -> io::Result<()> {
        let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok()).unwrap_or_default();
        let between = std::env::var("_CLAP_IFS").unwrap_or_else(|_| "\n".to_owned());
        let asked = joined(&args, index);
        let all = clap_complete::engine::complete(cmd, asked.words, asked.index, current_dir)?;
        let values = all.iter().map(|one| one.get_value().to_string_lossy());
        let pieces: Vec<String> = values.map(|value| value.strip_prefix(&asked.before).unwrap_or(&value).to_owned()).collect();
        buf.write_all(pieces.join(&between).as_bytes())
    }
}

/// What is to be completed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Every word of the line.
    pub words: Vec<OsString>,
    /// Which of the words.
    index: usize,
    /// How it begins: bash puts what it is told behind this.
    before: String,
}

/// The words that these pieces, one of which is being typed, were cut from.
pub fn joined(pieces: &[OsString], index: usize) -> Asked {
    let mut asked = Asked::default();
    let mut after_break = false;
    for (at, piece) in pieces.iter().enumerate() {
        let goes_on = after_break || is_break(piece);
        let mut word = if goes_on { asked.words.pop() } else { None }.unwrap_or_default();
        if at == index {
            asked.index = asked.words.len();
            asked.before = word.to_string_lossy().into_owned();
        }
        word.push(piece);
        asked.words.push(word);
        after_break = is_break(piece);
    }
    asked
}

fn is_break(piece: &OsStr) -> bool {
    !piece.is_empty() && piece.as_encoded_bytes().iter().all(|byte| b":=".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What bash asks, which piece, and what that means: words, which one, how it begins.
    #[test]
    fn pieces() {
        for (pieces, at, words, index, before) in [
            ("xenith pause we", 2, "xenith pause we", 2, ""),
            ("xenith --host ssh : //a pause we", 6, "xenith --host ssh://a pause we", 4, ""),
            ("xenith --socket = /run/x list", 3, "xenith --socket=/run/x list", 1, "--socket="),
            ("xenith --host = ssh : //u@a", 5, "xenith --host=ssh://u@a", 1, "--host=ssh:"),
            ("xenith store read 0000 : 03 : 00.0", 7, "xenith store read 0000:03:00.0", 3, "0000:03:"),
        ] {
            let split = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
            let expected = Asked { words: split(words), index, before: before.to_owned() };
            assert_eq!(joined(&split(pieces), at), expected, "{pieces}");
        }
    }
}
