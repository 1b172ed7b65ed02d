//! Bytes that are few most of the time: names and values.

use std::fmt;

use triomphe::ThinArc;

/// What fits without an allocation: with two bytes of book-keeping, the size of two words.
const INLINE: usize = 14;

/// Up to 14 bytes in place; more of them in one allocation, which copies share.
#[derive(Clone)]
pub(super) enum Short {
    Inline(u8, [u8; INLINE]),
    Shared(ThinArc<(), u8>),
}

impl Short {
    pub fn new(bytes: &[u8]) -> Short {
        let mut inline = [0; INLINE];
        match inline.get_mut(..bytes.len()) {
            Some(head) => {
                head.copy_from_slice(bytes);
                Short::Inline(bytes.len() as u8, inline)
            }
            None => Short::Shared(ThinArc::from_header_and_slice((), bytes)),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Short::Inline(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Short::Shared(bytes) => &bytes.slice,
        }
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::Short;

    #[test]
    fn any_length_comes_back_and_two_words_hold_it() {
        assert_eq!(size_of::<Short>(), 16);
        for len in [0, 1, 13, 14, 15, 16, 4096] {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            assert_eq!(Short::new(&bytes).clone().bytes(), bytes);
        }
    }
}
