//! Tables: columns two blanks apart, figures to the right.
//!
//! Made by hand: comfy-table took two thirds of all instructions of a list of 120 domains (callgrind; `cargo xtask bench grow` has the bound).

use unicode_width::UnicodeWidthStr as _;

/// Blanks between two columns.
const GAP: usize = 2;

/// The table as text, a line for each row. `figures` are the columns to be lined up on the right.
pub fn text<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>, figures: &[usize]) -> String {
    let rows: Vec<[String; N]> = std::iter::once(header.map(str::to_owned)).chain(rows).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(cell));
        }
    }
    let mut text = String::new();
    for row in &rows {
        line(&mut text, row, &widths, figures);
    }
    text
}

/// Adds a line, without blanks at its end.
fn line(text: &mut String, row: &[String], widths: &[usize], figures: &[usize]) {
    let start = text.len();
    for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
        let gap = if index == 0 { 0 } else { GAP };
        let blanks = width.saturating_sub(columns(cell));
        let (before, after) = if figures.contains(&index) { (gap + blanks, 0) } else { (gap, blanks) };
        text.extend(std::iter::repeat_n(' ', before));
        text.push_str(cell);
        text.extend(std::iter::repeat_n(' ', after));
    }
    text.truncate(start + text.get(start..).unwrap_or_default().trim_end().len());
    text.push('\n');
}

/// A line that names a value, as those around it do.
pub fn named(name: &str, value: &str) -> String {
    format!("{name:<15} {value}").trim_end().to_owned() + "\n"
}

/// How many columns of the terminal it takes. Most cells are plain.
fn columns(cell: &str) -> usize {
    if cell.is_ascii() { cell.len() } else { cell.width() }
}

/// Names that others chose may hold anything: none of it reaches the terminal as a control character.
pub fn printable(name: &str) -> String {
    if !name.chars().any(char::is_control) {
        return name.to_owned();
    }
    name.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["1", "\u{6771}\u{4eac}", "9"], ["120", "a", "10"], ["7", "", ""]].map(|row| row.map(str::to_owned));
        let expected = ["N    NAME   S", "1    \u{6771}\u{4eac}   9", "120  a     10", "7"];
        assert_eq!(text(["N", "NAME", "S"], rows, &[2]).lines().collect::<Vec<_>>(), expected);
        assert_eq!(text(["ID"], [["1000".to_owned()]], &[0]), "  ID\n1000\n");
    }
}
