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

    /// Takes what a client sent; a relative path is put below `home`. `limit` is the longest path allowed in bytes, the
    /// `/local/domain/N/` in front not counted, as in C xenstored.
    pub fn resolve(sent: &[u8], home: &str, limit: usize) -> Result<StorePath, PathError> {
        let first = *sent.first().ok_or(PathError::Empty)?;
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-/_@".contains(byte);
        if let Some(at) = sent.iter().position(|byte| !allowed(byte)) {
            let byte = sent.get(at).copied().unwrap_or_default();
            return Err(PathError::Character { byte, at });
        }
        let text = std::str::from_utf8(sent).map_err(|_| PathError::Empty)?;
        let path = match first {
            b'/' | b'@' => text.to_owned(),
            _ => format!("{home}/{text}"),
        };
        if (path.ends_with('/') && path != "/") || path.contains("//") {
            return Err(PathError::EmptyComponent);
        }
        let len = path.len() - domain::home_prefix_len(&path);
        if len > limit {
            return Err(PathError::TooLong { len, limit });
        }
        Ok(StorePath(path))
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
        let clean = name.chars().map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '@' => c,
            _ => '_',
        });
        self.below_raw(clean)
    }

    /// A node several levels down; `below` is a literal of the constructors.
    pub(super) fn below(&self, below: &str) -> StorePath {
        self.below_raw(below.chars())
    }

    fn below_raw(&self, chars: impl Iterator<Item = char>) -> StorePath {
        let mut path = match self.0.as_str() {
            "/" => String::new(),
            path => path.to_owned(),
        };
        path.push('/');
        path.extend(chars);
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

/// The components of a valid path.
pub(crate) fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
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
