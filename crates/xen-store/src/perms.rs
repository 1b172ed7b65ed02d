//! Who may do what with a node.
//!
//! ```text
//!   n5,r0,b7     first entry: d5 owns the node and may everything; its letter (n) is what everybody else may
//!                the others: d0 reads, d7 reads and writes; the first entry that names the asker counts
//! ```
//!
//! A list remembers up to when its domains became known, as the store's generation. An entry counts only if the domain it names was known by
//! then: a domain that got a dead one's number inherits nothing (XSA-322), and nobody has to search the tree when a domain dies. Owners need
//! no such check, since a dead domain's nodes are removed. An entry for `DOMID_ANY` (32757) means every domain, and always counts (4.22).

use std::fmt;
use std::sync::Arc;

use xen_abi::DomId;

use crate::wire::{XsError, strings};

/// What an entry grants, or what a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rights(u8);

impl Rights {
    /// Nothing (`n`).
    pub const NONE: Rights = Rights(0);
    /// Reading (`r`).
    pub const READ: Rights = Rights(1);
    /// Writing, and creating below (`w`).
    pub const WRITE: Rights = Rights(2);
    /// Both (`b`).
    pub const BOTH: Rights = Rights(3);
    /// Changing the list; nobody can grant it.
    const OWN: Rights = Rights(4);
    /// Set by a domain that is not offered what it would mean: kept and shown, and grants nothing.
    const IGNORED: u8 = 8;
    /// Everything.
    pub(crate) const ALL: Rights = Rights(7);
    /// What SET_PERMS needs.
    pub(crate) const CHANGE: Rights = Rights(Rights::WRITE.0 | Rights::OWN.0);

    /// Whether everything in `needed` is granted.
    pub(crate) fn covers(self, needed: Rights) -> bool {
        self.0 & needed.0 == needed.0
    }

    /// Whether anything in `needed` is granted.
    pub(crate) fn touches(self, needed: Rights) -> bool {
        self.0 & needed.0 != 0
    }

    /// Everything of it, as the state image holds it.
    pub(crate) fn to_byte(self) -> u8 {
        self.0
    }

    /// Reads [`Rights::to_byte`].
    pub(crate) fn from_byte(byte: u8) -> Rights {
        Rights(byte & (Rights::BOTH.0 | Rights::IGNORED))
    }

    /// The letter of an entry, as GET_PERMS and the stream write it.
    pub(crate) fn letter(self) -> u8 {
        match Rights(self.0 & Rights::BOTH.0) {
            Rights::READ => b'r',
            Rights::WRITE => b'w',
            Rights::BOTH => b'b',
            _ => b'n',
        }
    }

    pub(crate) fn from_letter(letter: u8) -> Option<Rights> {
        match letter {
            b'n' => Some(Rights::NONE),
            b'r' => Some(Rights::READ),
            b'w' => Some(Rights::WRITE),
            b'b' => Some(Rights::BOTH),
            _ => None,
        }
    }
}

/// One entry of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Perm {
    /// Whom it names.
    pub domid: DomId,
    /// What it grants.
    pub rights: Rights,
}

impl Perm {
    /// An entry.
    #[must_use]
    pub const fn new(domid: DomId, rights: Rights) -> Perm {
        Perm { domid, rights }
    }

    /// The same entry, granting nothing.
    #[must_use]
    pub(crate) fn ignored(self) -> Perm {
        Perm { rights: Rights(self.rights.0 | Rights::IGNORED), ..self }
    }

    /// Whether it names every domain.
    #[must_use]
    pub fn names_all(self) -> bool {
        self.domid == DomId::ANY
    }

    /// Whether it grants nothing whatever it says.
    pub(crate) fn is_ignored(self) -> bool {
        self.rights.0 & Rights::IGNORED != 0
    }

    /// The same entry, granting what it says.
    #[must_use]
    pub(crate) fn heeded(self) -> Perm {
        Perm { rights: Rights(self.rights.0 & !Rights::IGNORED), ..self }
    }

    /// Reads `r5`.
    pub fn parse(text: &[u8]) -> Result<Perm, XsError> {
        let (letter, digits) = text.split_first().ok_or(XsError::Invalid)?;
        let rights = Rights::from_letter(*letter).ok_or(XsError::Invalid)?;
        let digits = std::str::from_utf8(digits).map_err(|_| XsError::Invalid)?;
        let domid = digits.parse().map_err(|_| XsError::Invalid)?;
        Ok(Perm::new(DomId(domid), rights))
    }
}

impl fmt::Display for Perm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.rights.letter()), self.domid.0)
    }
}

/// Reads the NUL-ended entries of a SET_PERMS request or a GET_PERMS reply.
pub fn parse_list(payload: &[u8]) -> Result<Vec<Perm>, XsError> {
    strings(payload).map(Perm::parse).collect()
}

/// Writes entries as SET_PERMS sends and GET_PERMS answers them.
#[must_use]
pub fn format_list(entries: &[Perm]) -> Vec<u8> {
    let text: String = entries.iter().map(|entry| format!("{entry}\0")).collect();
    text.into_bytes()
}

/// Since when a domid has been known to the store: what decides whether an entry is older than the domain it names.
pub trait KnownSince {
    /// The store's generation when the domain became known; `None` for a domid that names no known domain.
    fn known_since(&self, domid: DomId) -> Option<u64>;
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The asker's domid; dom0's for a socket.
    pub domid: DomId,
    /// dom0 and sockets: every check passes.
    pub privileged: bool,
    /// The domain the asker acts for (SET_TARGET).
    pub target: Option<DomId>,
}

impl Identity {
    /// The tools.
    pub const TOOLS: Identity = Identity { domid: DomId::DOM0, privileged: true, target: None };

    fn is(&self, domid: DomId) -> bool {
        self.domid == domid || self.target == Some(domid)
    }
}

/// A node's list, shared between nodes that inherited it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Perms {
    owner: Perm,
    others: Box<[Perm]>,
    generation: u64,
}

impl Perms {
    /// A list with the owner first; `None` for an empty one. Entries count for domains that were known by `generation`.
    #[must_use]
    pub fn new(entries: &[Perm], generation: u64) -> Option<Perms> {
        let (owner, others) = entries.split_first()?;
        Some(Perms { owner: *owner, others: others.into(), generation })
    }

    /// A list that is set now; `None` for an empty one. It remembers when the youngest domain became known that its entries name: whoever is
    /// not known yet will be younger, and lists that say the same are equal whenever they were set.
    #[must_use]
    pub fn set_now(entries: &[Perm], known: &impl KnownSince) -> Option<Perms> {
        let youngest = entries.iter().skip(1).filter_map(|entry| known.known_since(entry.domid)).max();
        Perms::new(entries, youngest.unwrap_or_default())
    }

    /// The list that only dom0 can use.
    #[must_use]
    pub fn dom0_only() -> Arc<Perms> {
        Arc::new(Perms { owner: Perm::new(DomId::DOM0, Rights::NONE), others: [].into(), generation: 0 })
    }

    /// The list that dom0 owns and everybody may read.
    #[must_use]
    pub fn dom0_for_all() -> Arc<Perms> {
        let all = Perm::new(DomId::ANY, Rights::READ);
        Arc::new(Perms { owner: Perm::new(DomId::DOM0, Rights::NONE), others: [all].into(), generation: 0 })
    }

    /// Who owns the node.
    #[must_use]
    pub fn owner(&self) -> DomId {
        self.owner.domid
    }

    /// The store's generation by which domains had to be known.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Number of entries, the owner's included.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// All entries, the owner's first.
    #[must_use]
    pub fn entries(&self) -> Vec<Perm> {
        [&[self.owner], &*self.others].concat()
    }

    /// What a new node below gets: the same list, owned by its writer where the writer is no tool.
    #[must_use]
    pub fn inherited(self: &Arc<Perms>, writer: &Identity) -> Arc<Perms> {
        if writer.privileged || self.owner() == writer.domid {
            return Arc::clone(self);
        }
        let owner = Perm::new(writer.domid, self.owner.rights);
        Arc::new(Perms { owner, ..Perms::clone(self) })
    }

    /// What the asker may do.
    #[must_use]
    pub fn rights(&self, who: &Identity, known: &impl KnownSince) -> Rights {
        if who.privileged || who.is(self.owner.domid) {
            return Rights::ALL;
        }
        let counts = |entry: &&Perm| {
            let older = |since| since <= self.generation;
            let names = entry.names_all() || (who.is(entry.domid) && known.known_since(entry.domid).is_some_and(older));
            names && entry.rights.0 & Rights::IGNORED == 0
        };
        self.others.iter().find(counts).unwrap_or(&self.owner).rights
    }
}
