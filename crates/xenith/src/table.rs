//! Tables: columns two blanks apart, figures to the right.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// The table as text, a line for each row. `figures` are the columns to be lined up on the right.
pub fn text<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>, figures: &[usize]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header).add_rows(rows);
    for index in figures {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

/// Names that others chose may hold anything: none of it reaches the terminal as a control character.
pub fn printable(name: &str) -> String {
    name.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
