//! What a script is.

use std::fmt;

use xen_store::wire::MsgType;

use crate::allowed::Answer;
use crate::events::absolute;

/// The client that is none: what it says, Xen does.
pub const XEN: usize = 4;
/// A payload longer than a message may be.
pub const TOO_LONG: usize = 4097;

/// One request. Client 0 is the tools socket, 1 to 3 are the domains of that number, 4 is [`XEN`].
#[derive(Clone, Debug)]
pub struct Step {
    pub client: usize,
    pub kind: MsgType,
    /// 0: outside; 1 or 2: the client's transaction of that number, outside while that is not open; 3: one that never was.
    pub slot: usize,
    pub payload: Vec<u8>,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex: String = self.payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let readable: String = String::from_utf8_lossy(&self.payload).replace('\0', "|").chars().take(80).collect();
        write!(formatter, "{} {} {} .{hex} # {} {readable}", self.client, self.kind.number(), self.slot, self.kind.name())
    }
}

impl Step {
    /// Whether this answer opened a transaction.
    pub fn starts(&self, answer: &Answer) -> bool {
        self.kind == MsgType::TransactionStart && answer.0 == self.kind.number()
    }

    /// Whether this answer closed one; EINVAL leaves it open.
    pub fn ends(&self, answer: &Answer) -> bool {
        self.kind == MsgType::TransactionEnd && answer.1 != b"EINVAL\0"
    }

    /// Whether it is one of those that run in a transaction.
    pub fn of_nodes(&self) -> bool {
        use MsgType::*;
        matches!(self.kind, Read | Directory | DirectoryPart | GetPerms | Write | Mkdir | Rm | SetPerms)
    }

    /// The domain that it begins with, if it is one of ours.
    pub fn guest(&self) -> Option<usize> {
        let number = self.payload.split(|byte| *byte == 0).next().and_then(|text| std::str::from_utf8(text).ok())?.parse().ok()?;
        (1..4).contains(&number).then_some(number)
    }

    /// Whether it is a request that changes what others see.
    pub fn changes(&self) -> bool {
        use MsgType::*;
        matches!(self.kind, Write | Mkdir | Rm | SetPerms | SetTarget | Introduce | Release | SetQuota | Control)
    }

    /// The path that it begins with, from the root.
    pub fn path(&self) -> String {
        let path = self.payload.split(|byte| *byte == 0).next().unwrap_or_default();
        absolute(&String::from_utf8_lossy(path), self.client)
    }

    /// A line as it is printed.
    pub fn parse(line: &str) -> Option<Step> {
        let mut words = line.split(' ');
        let client = words.next()?.parse().ok()?;
        let kind = MsgType::from_number(words.next()?.parse().ok()?)?;
        let slot = words.next()?.parse().ok()?;
        let hex = words.next()?.strip_prefix('.')?;
        let payload = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()).collect::<Option<_>>()?;
        Some(Step { client, kind, slot, payload })
    }
}
