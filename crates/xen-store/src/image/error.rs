//! Why an image cannot be used.

use super::layout::LAYOUT;

/// Why an image cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Nothing was ever kept here.
    #[error("there is no image")]
    None,
    /// Another version of this program left it.
    #[error("the image has layout {found}, this program knows {LAYOUT}")]
    Layout {
        /// The layout found.
        found: u32,
    },
    /// The host was started anew since.
    #[error("the image is of another boot of this host")]
    OtherBoot,
    /// It was full at some time.
    #[error("the image was full and misses something")]
    Spoilt,
    /// It contradicts itself.
    #[error("the image is damaged: {0}")]
    Damaged(&'static str),
    /// Too small to hold anything.
    #[error("an image needs more than {0} bytes")]
    TooSmall(usize),
}
