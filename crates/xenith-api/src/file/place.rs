//! Byte offsets of a text as lines and columns.

use std::ops::Range;

use crate::v1::problem::shorten;
use crate::v1::{Code, Complaint};

/// A text and where its lines begin.
pub(super) struct Places<'t> {
    text: &'t str,
    /// Offset of the first byte of every line.
    starts: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(super) fn of(text: &'t str) -> Places<'t> {
        let after_newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Places { text, starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    /// Line and column, both from 1; the column counts characters.
    pub(super) fn line_column(&self, at: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or(0);
        let column = self.text.get(start..at.min(self.text.len())).map_or(0, |before| before.chars().count());
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column + 1).unwrap_or(u32::MAX))
    }

    /// Something that is not TOML. The parser's three commonest words are said as what to do.
    pub(super) fn complaint(&self, error: &toml::de::Error) -> Complaint {
        let span = error.span().unwrap_or(0..0);
        let (line, column) = self.line_column(span.start);
        let rest = self.text.get(span.start..).and_then(|rest| rest.lines().next()).unwrap_or("");
        let value = shorten(rest.split('#').next().unwrap_or("").trim());
        let message = match error.message() {
            "duplicate key" => format!("{} stands here a second time; keep one of the two", shorten(self.text(span))),
            message if message.starts_with("string values must be quoted") && value.is_empty() => "the value is missing".to_owned(),
            message if message.starts_with("string values must be quoted") => format!("text must stand in quotes: \"{value}\""),
            message => message.to_owned(),
        };
        Complaint { line: Some(line), ..Complaint::new(Code::ConfigSyntax, "", format!("column {column}: {message}")) }
    }

    /// Whether the line, from 1, opens a table.
    pub(super) fn is_header(&self, line: u32) -> bool {
        let start = usize::try_from(line).ok().and_then(|line| self.starts.get(line.checked_sub(1)?)).copied();
        start.and_then(|start| self.text.get(start..)).is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with('['))
    }

    /// The text as written there.
    pub(super) fn text(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_to_lines_and_columns() {
        let places = Places::of("ab\nçd\n\nx");
        for (at, expected) in [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (5, (2, 2)), (7, (3, 1)), (8, (4, 1)), (9, (4, 2)), (99, (4, 2))] {
            assert_eq!(places.line_column(at), expected, "{at}");
        }
    }
}
