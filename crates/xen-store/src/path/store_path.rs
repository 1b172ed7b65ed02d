//! A valid path, and what makes one invalid.

use std::fmt;

use super::domain;
use crate::wire::PAYLOAD_MAX;

/// Why a path was refused. Every case is EINVAL on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No path at all.
    #[error("a path may not be empty")]
    Empty,
    /// A character outside letters, digits and `-/_@`.
    #[error("byte {byte:#04x} at {at} is not allowed in a path: letters, digits and -/_@ are")]
    Character {
        /// The byte.
        byte: u8,
        /// Its offset in bytes.
        at: usize,
    },
    /// Two slashes in a row, or one at the end.
    #[error("a path has no empty component")]
    EmptyComponent,
    /// An `@` name where only nodes of the tree can stand.
    #[error("an @ name is not a node of the tree")]
    Special,
    /// Too long to be sent, or longer than the sender's quota.
    #[error("path of {len} bytes is over the limit of {limit}")]
    TooLong {
        /// Length in bytes.
        len: usize,
        /// The limit that was met.
        limit: usize,
    },
}

/// A valid absolute path, or one of the `@` names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(String);

impl StorePath {
    /// The root of the tree.
    #[must_use]
    pub fn root() -> StorePath {
        StorePath("/".to_owned())
    }

    /// Takes an absolute path or an `@` name as a person or a file gave it.
    pub fn parse(text: &str) -> Result<StorePath, PathError> {
        StorePath::resolve(text.as_bytes(), "", PAYLOAD_MAX - 1)
    }

    /// Takes a path as a client may send it, relative ones too: the store puts those below the sender's own directory.
    pub fn as_sent(text: &str) -> Result<StorePath, PathError> {
        let absolute = StorePath::parse(text)?;
        Ok(if text.starts_with(['/', '@']) { absolute } else { StorePath(text.to_owned()) })
    }

    /// Takes what a client sent; a relative path is put below `home`. `limit` is the longest path allowed in bytes, the
    /// `/local/domain/N/` in front not counted, as in C xenstored.
    pub fn resolve(sent: &[u8], home: &str, limit: usize) -> Result<StorePath, PathError> {
        let first = *sent.first().ok_or(PathError::Empty)?;
        if let Some(at) = sent.iter().position(|byte| !is_allowed(*byte)) {
            let byte = sent.get(at).copied().unwrap_or_default();
            return Err(PathError::Character { byte, at });
        }
        let text = std::str::from_utf8(sent).map_err(|_| PathError::Empty)?;
        let path = match first {
            b'/' | b'@' => text.to_owned(),
            _ => format!("{home}/{text}"),
        };
        let doubled = path.as_bytes().windows(2).any(|pair| pair == b"//");
        if (path.ends_with('/') && path != "/") || doubled {
            return Err(PathError::EmptyComponent);
        }
        let len = path.len() - domain::home_prefix_len(&path);
        if len > limit {
            return Err(PathError::TooLong { len, limit });
        }
        Ok(StorePath(path))
    }

    /// The path that a request's payload begins with; `None` for an invalid one.
    pub(crate) fn of_request(payload: &[u8], home: &str) -> Option<StorePath> {
        let end = payload.iter().position(|byte| *byte == 0)?;
        StorePath::resolve(payload.get(..end)?, home, PAYLOAD_MAX).ok()
    }

    /// Like [`StorePath::resolve`], where only nodes of the tree make sense.
    pub fn resolve_node(sent: &[u8], home: &str, limit: usize) -> Result<StorePath, PathError> {
        match sent.first() {
            Some(b'@') => Err(PathError::Special),
            _ => StorePath::resolve(sent, home, limit),
        }
    }

    /// The child of this name. A character that a path cannot hold becomes `_`: names come from kernels and files.
    #[must_use]
    pub fn child(&self, name: impl fmt::Display) -> StorePath {
        let name = name.to_string();
        let is_clean = name.bytes().all(|byte| byte != b'/' && is_allowed(byte));
        if is_clean {
            return self.below(&name);
        }
        let clean = |c: char| if c != '/' && c.is_ascii() && is_allowed(c as u8) { c } else { '_' };
        self.below(&name.chars().map(clean).collect::<String>())
    }

    /// A node several levels down; `below` holds only what a path can.
    pub(super) fn below(&self, below: &str) -> StorePath {
        let top = if self.is_root() { "" } else { self.as_str() };
        let mut path = String::with_capacity(top.len() + 1 + below.len());
        path.push_str(top);
        path.push('/');
        path.push_str(below);
        StorePath(path)
    }

    /// The node above; the root for the root itself and for `@` names.
    #[must_use]
    pub fn parent(&self) -> StorePath {
        match self.0.rsplit_once('/') {
            None | Some(("", _)) => StorePath::root(),
            Some((parent, _)) => StorePath(parent.to_owned()),
        }
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is an `@` name and no node of the tree.
    #[must_use]
    pub fn is_special(&self) -> bool {
        self.0.starts_with('@')
    }

    /// Whether this is the root of the tree.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// The components from the root down; the root has none, an `@` name is one.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        components(&self.0)
    }
}

/// What a path may hold (docs/misc/xenstore.txt).
fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'/' | b'_' | b'@')
}

/// The components of a valid path. They are a few bytes long each: stepping through them is quicker than any search.
pub(crate) fn components(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
        let name = rest.get(..end)?;
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(name)
    })
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for StorePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
