//! A node on a line, as xenstore-ls prints it.
//!
//! ```text
//!   name = "value"                                   at most `width` columns; a longer value ends in \...
//!   name = "value" . . . . . . . . . . . . . . .  (n0,r5)      the permissions begin behind column 60, where there is room
//!   /whole/path = "value"   (n0,r5)                  flat: nothing is shortened or lined up
//!   name:                                            the value may not be read
//! ```

use xen_store::perms::Perm;

use super::super::escape::escape;
use super::walk::Node;

/// What stands around the value, and what it is shortened to.
const AROUND: usize = " = \"...\"".len();
/// Where permissions are lined up.
const COLUMN: usize = 60;

/// How lines look.
pub struct Shape {
    /// Whole paths.
    pub flat: bool,
    /// Columns of a line; `None`: as many as it takes.
    pub width: Option<usize>,
}

impl Shape {
    /// The line, its newline included.
    pub fn line(&self, node: &Node) -> String {
        let mut line = if self.flat { node.path.as_str().to_owned() } else { self.name(node) };
        let start = if self.flat { 0 } else { line.len() };
        match &node.value {
            None => line.push_str(":\n"),
            Some(value) => self.value(start, value, node.perms.is_some(), &mut line),
        }
        if let Some(perms) = &node.perms {
            let perms: Vec<String> = perms.iter().map(Perm::to_string).collect();
            line += &format!("  ({})", perms.join(","));
        }
        line + "\n"
    }

    /// A blank for each level, and as much of the name as leaves room for a value.
    fn name(&self, node: &Node) -> String {
        let name = node.path.name();
        let room = self.width.and_then(|width| width.checked_sub(AROUND + node.depth));
        " ".repeat(node.depth) + name.get(..room.unwrap_or(name.len())).unwrap_or(name)
    }

    fn value(&self, start: usize, value: &[u8], lined_up: bool, line: &mut String) {
        let escaped = escape(value);
        if let Some(width) = self.width.filter(|width| *width < start + value.len() + AROUND) {
            let room = width.checked_sub(AROUND + start).unwrap_or(escaped.len());
            *line += &format!(" = \"{}\\...\"", escaped.get(..room).unwrap_or(&escaped));
            return;
        }
        *line += &format!(" = \"{escaped}\"");
        if lined_up {
            line.push(' ');
            let column = self.width.map_or(0, |width| width.min(COLUMN));
            let filled = start + escaped.len() + " = \"\"".len() + 1;
            line.extend((filled..column).map(|column| if column % 2 == 1 { '.' } else { ' ' }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xen_store::path::StorePath;

    fn node(path: &str, depth: usize, value: Option<&[u8]>, perms: &[&str]) -> Node {
        let perms = (!perms.is_empty()).then(|| perms.iter().map(|perm| Perm::parse(perm.as_bytes()).unwrap()).collect());
        Node { path: StorePath::parse(path).unwrap(), depth, value: value.map(<[u8]>::to_vec), perms }
    }

    #[test]
    fn lines() {
        let long = [b'x'; 100];
        let (tree, flat) = (Shape { flat: false, width: Some(80) }, Shape { flat: true, width: None });
        for (shape, node, expected) in [
            (&tree, node("/tool/x", 1, Some(b"a\n"), &[]), " x = \"a\\n\"\n".to_owned()),
            (&tree, node("/tool/x", 1, None, &[]), " x:\n\n".to_owned()),
            (&tree, node("/x", 0, Some(&long), &["n0"]), format!("x = \"{}\\...\"  (n0)\n", "x".repeat(71))),
            (&tree, node("/ab", 0, Some(b"1"), &["n0", "r5"]), format!("ab = \"1\" {} (n0,r5)\n", ". ".repeat(25) + ". ")),
            (&flat, node("/tool/x", 1, Some(&long), &["n0", "b3"]), format!("/tool/x = \"{}\"   (n0,b3)\n", "x".repeat(100))),
            (&flat, node("/tool", 0, Some(b""), &[]), "/tool = \"\"\n".to_owned()),
        ] {
            assert_eq!(shape.line(&node), expected);
        }
    }
}
