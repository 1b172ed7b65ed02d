//! Random scripts.

use xen_store::wire::MsgType;

use crate::script::{Step, TOO_LONG, XEN};

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

    fn kind(&mut self) -> MsgType {
        let mut left = self.below(80);
        let mut kinds = KINDS.iter();
        loop {
            let (kind, often) = kinds.next().expect("80 in all");
            match left.checked_sub(*often) {
                Some(rest) => left = rest,
                None => return *kind,
            }
        }
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

pub fn script(seed: u64, steps: usize) -> Vec<Step> {
    let mut random = Random(seed);
    // Domains go, and quotas change, only while nobody has a transaction open: every second script has none.
    let calm = seed.is_multiple_of(2);
    let all = (0..).map(|_| step(&mut random)).filter(|step| !calm || step.kind != MsgType::TransactionStart);
    all.take(steps).collect()
}

/// Each with how often it comes, in 80.
const KINDS: [(MsgType, usize); 21] = {
    use MsgType::*;
    [
        (Write, 12),
        (Mkdir, 6),
        (Rm, 6),
        (Read, 5),
        (Directory, 4),
        (DirectoryPart, 2),
        (GetPerms, 4),
        (SetPerms, 6),
        (Watch, 6),
        (Unwatch, 4),
        (ResetWatches, 1),
        (TransactionStart, 6),
        (TransactionEnd, 6),
        (GetDomainPath, 1),
        (IsDomainIntroduced, 1),
        (SetTarget, 1),
        (GetFeature, 1),
        (Resume, 1),
        (Control, 4),
        (Introduce, 2),
        (Release, 1),
    ]
};

fn step(random: &mut Random) -> Step {
    if random.below(150) == 0 {
        let payload = random.of(&["1\0dying\0", "2\0dying\0", "3\0dying\0", "1\0shutdown\0", "2\0shutdown\0", "3\0shutdown\0"]);
        return Step { client: XEN, kind: MsgType::Error, slot: 0, payload: payload.into() };
    }
    let mut client = random.below(4);
    let kind = random.kind();
    if matches!(kind, MsgType::Introduce | MsgType::Release) && random.below(4) > 0 {
        client = 0;
    }
    let slot = random.of(&[0, 0, 0, 1, 1, 1, 1, 2, 2, 3]);
    let slot = if slot == 3 && random.below(8) > 0 { 1 } else { slot };
    let mut payload = payload(random, kind);
    match random.below(600) {
        0 => payload.resize(TOO_LONG, 0),
        // Something is missing at its end. Of CONTROL, that may be answered in each store's own words.
        1..10 if kind != MsgType::Control => drop(payload.pop()),
        _ => {}
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
        MsgType::Introduce => random.of(&["1|1|5|", "2|1|5|", "3|1|5|", "1|1|0|", "2|1|", "9|1|5|"]).replace('|', "\0").into(),
        MsgType::Release => random.of(&["1\0", "2\0", "3\0", "0\0", "9\0", "x\0"]).into(),
        MsgType::Control => control(random),
        _ => [path(random).as_slice(), b"\0"].concat(),
    }
}

fn control(random: &mut Random) -> Vec<u8> {
    let said = match random.below(12) {
        0 => {
            random.of(&["check|", "check|x|", "print|x|", "print|", "quota-soft|x|", "quota|max|x|", "quota|set|nodes|", "nonsense|", "|"])
        }
        1 => random.of(&[
            "quota|set|nodes|0|",
            "quota|set|nothing|5|",
            "quota|9|",
            "quota-soft|set|memory|9999999|",
            "help|x|",
            "print|x|y|",
        ]),
        2..6 => random.of(&NARROW),
        _ => random.of(&WIDE),
    };
    said.replace('|', "\0").into_bytes()
}

/// Quotas that scripts reach.
const NARROW: [&str; 3] = ["quota|set|watches|3|", "quota|set|node-permissions|2|", "quota|set|node-size|150|"];
/// Those of a store that was told nothing.
const WIDE: [&str; 3] = ["quota|set|watches|128|", "quota|set|node-permissions|5|", "quota|set|node-size|2048|"];

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
