//! The words.

use super::PairError;

/// The longest text, in bytes: a program and its arguments.
const TEXT_MAX: usize = 8192;
/// Bytes before the text.
const HEAD: usize = 16;
/// The longest record, in bytes.
pub(super) const RECORD_MAX: usize = HEAD + TEXT_MAX;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Keeper to worker: the state image.
    Image,
    /// Keeper to worker: the event channels; the number is the port of the domain exception interrupt.
    Events,
    /// Keeper to worker: the number is both ports of dom0's ring, ours in the upper half.
    Dom0,
    /// Keeper to worker: a client connected, or is connected still; the number is its own.
    Client,
    /// Worker to keeper: this client left or was cut off; the keeper's copy can be closed.
    Gone,
    /// Worker to keeper: everything of its own is open and its rights are gone.
    Ready,
    /// Keeper to worker: begin with an empty image.
    Begin,
    /// Keeper to worker: a worker that died wrote the image; 1 where it crashed and nobody killed it.
    Again,
    /// Keeper to worker: a store that is gone wrote it, and with it went its event channels and its clients' sockets.
    Anew,
    /// Keeper to worker: it was made of another xenstored's dump.
    Adopt,
    /// Keeper to worker: a worker wrote it that is frozen; 1 where a client waits for that.
    Succeed,
    /// Worker to keeper: requests are served.
    Serving,
    /// Worker to keeper: a live update was asked for; the text is the program, a zero, a version or nothing, a zero, and its arguments.
    Asked,
    /// Worker to keeper: its asker took it back.
    Aborted,
    /// Keeper to worker: write everything down and serve nobody until told; 1: once no transaction is open.
    Freeze,
    /// Worker to keeper: the image is complete.
    Frozen,
    /// Keeper to worker: nothing comes of the live update, for the reason in the text; go on.
    GoOn,
    /// Keeper to worker: end.
    End,
}

const WORDS: [Word; 18] = {
    use Word::*;
    [Image, Events, Dom0, Client, Gone, Ready, Begin, Again, Anew, Adopt, Succeed, Serving, Asked, Aborted, Freeze, Frozen, GoOn, End]
};

/// A word, a number and a text; what they mean depends on the word, and where they mean nothing they are 0 and empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What is said.
    pub word: Word,
    /// About which number.
    pub number: u64,
    /// And more.
    pub text: String,
}

impl Message {
    /// A word alone.
    #[must_use]
    pub fn of(word: Word) -> Message {
        Message::about(word, 0)
    }

    /// A word about a number.
    #[must_use]
    pub fn about(word: Word, number: u64) -> Message {
        Message { word, number, text: String::new() }
    }

    /// A word with a text, whose end is lost where it is too long.
    #[must_use]
    pub fn with(word: Word, text: &str) -> Message {
        let end = (0..=text.len().min(TEXT_MAX)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        Message { text: text.get(..end).unwrap_or_default().to_owned(), ..Message::of(word) }
    }

    /// Whether a descriptor belongs to it.
    #[must_use]
    pub fn has_descriptor(&self) -> bool {
        matches!(self.word, Word::Client | Word::Image | Word::Events)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let number = WORDS.iter().position(|word| *word == self.word).unwrap_or_default() as u64;
        [&number.to_le_bytes(), &self.number.to_le_bytes(), self.text.as_bytes()].concat()
    }

    pub(super) fn decode(record: &[u8]) -> Result<Message, PairError> {
        let short = PairError::Nonsense("a record of the wrong length");
        let Some((word, rest)) = record.split_first_chunk() else { return Err(short) };
        let Some((number, text)) = rest.split_first_chunk() else { return Err(short) };
        let word = usize::try_from(u64::from_le_bytes(*word)).ok().and_then(|number| WORDS.get(number));
        let word = *word.ok_or(PairError::Nonsense("an unknown word"))?;
        let text = std::str::from_utf8(text).map_err(|_| PairError::Nonsense("a text that is none"))?;
        Ok(Message { word, number: u64::from_le_bytes(*number), text: text.to_owned() })
    }
}
