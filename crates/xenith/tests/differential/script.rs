//! What a script is, and where random ones come from.

use std::fmt;

use xen_store::wire::MsgType;

use crate::allowed::Answer;
use crate::events::absolute;

/// One request. Client 0 is the tools socket, 1 to 3 are the domains of that number.
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

/// splitmix64: a seed tells the whole script.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % bound as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

pub fn random(seed: u64, steps: usize) -> Vec<Step> {
    let mut random = Random(seed);
    (0..steps).map(|_| step(&mut random)).collect()
}

/// Each as often as it stands here.
const KINDS: [MsgType; 40] = {
    use MsgType::*;
    [
        Write,
        Write,
        Write,
        Write,
        Write,
        Write,
        Mkdir,
        Mkdir,
        Mkdir,
        Rm,
        Rm,
        Rm,
        Read,
        Read,
        Read,
        Directory,
        Directory,
        DirectoryPart,
        GetPerms,
        GetPerms,
        SetPerms,
        SetPerms,
        SetPerms,
        Watch,
        Watch,
        Watch,
        Unwatch,
        Unwatch,
        ResetWatches,
        TransactionStart,
        TransactionStart,
        TransactionStart,
        TransactionEnd,
        TransactionEnd,
        TransactionEnd,
        GetDomainPath,
        IsDomainIntroduced,
        SetTarget,
        GetFeature,
        Resume,
    ]
};

fn step(random: &mut Random) -> Step {
    let client = random.below(4);
    let kind = random.of(&KINDS);
    let slot = random.of(&[0, 0, 0, 1, 1, 1, 1, 2, 2, 3]);
    let slot = if slot == 3 && random.below(8) > 0 { 1 } else { slot };
    let mut payload = payload(random, kind);
    if random.below(60) == 0 {
        // Something is missing at its end.
        payload.pop();
    }
    Step { client, kind, slot, payload }
}

fn payload(random: &mut Random, kind: MsgType) -> Vec<u8> {
    match kind {
        MsgType::Write => [path(random).as_slice(), b"\0", &value(random)].concat(),
        MsgType::DirectoryPart => [path(random).as_slice(), b"\0", random.of(&["0", "0", "2", "100", "x"]).as_bytes(), b"\0"].concat(),
        MsgType::SetPerms => [path(random).as_slice(), b"\0", &permissions(random)].concat(),
        MsgType::Watch | MsgType::Unwatch => {
            let place = if random.below(10) == 0 { random.of(&["@introduceDomain", "@releaseDomain"]).into() } else { path(random) };
            [place.as_slice(), b"\0", random.of(&["one", "two"]).as_bytes(), b"\0"].concat()
        }
        MsgType::TransactionStart | MsgType::ResetWatches | MsgType::GetFeature => b"\0".to_vec(),
        MsgType::TransactionEnd => random.of(&["T\0", "T\0", "T\0", "F\0", "x\0"]).into(),
        MsgType::GetDomainPath | MsgType::IsDomainIntroduced | MsgType::Resume => random.of(&["0\0", "1\0", "2\0", "9\0", "x\0"]).into(),
        MsgType::SetTarget => random.of(&["1\x002\0", "2\x001\0", "9\x001\0", "1\x009\0", "1\0"]).into(),
        _ => [path(random).as_slice(), b"\0"].concat(),
    }
}

fn path(random: &mut Random) -> Vec<u8> {
    if random.below(25) == 0 {
        return random.of(&["", "/", "/t//a", "/t/", "/t/a b", "a//b", "/t/@x", "@a", "/local", "/local/domain/"]).into();
    }
    let roots = ["/t", "/t", "/t/1", "/t/2", "/local/domain/1", "/local/domain/2", "", "", ""];
    let mut path = random.of(&roots).to_owned();
    for _ in 0..1 + random.below(3) {
        path.push_str(if path.is_empty() { "" } else { "/" });
        path.push_str(random.of(&["a", "b", "c"]));
    }
    path.into_bytes()
}

fn value(random: &mut Random) -> Vec<u8> {
    let length = random.of(&[0, 1, 1, 3, 3, 20, 200, 1500, 1900]);
    vec![b'a' + random.below(26) as u8; length]
}

fn permissions(random: &mut Random) -> Vec<u8> {
    let entries = 1 + random.of(&[0, 0, 1, 1, 2, 5]);
    let mut list = Vec::new();
    for _ in 0..entries {
        list.extend_from_slice(random.of(&["n", "r", "w", "b", "b", "x"]).as_bytes());
        list.extend_from_slice(random.of(&["0", "1", "2", "3", "1", "2", "3", "9"]).as_bytes());
        list.push(0);
    }
    list
}
