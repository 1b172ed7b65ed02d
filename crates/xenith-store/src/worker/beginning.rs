//! How a worker begins: what it opens itself, what it is given, and what it goes on with.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use xen_abi::Port;
use xen_hv::{EventChannels, ForeignMemory, GrantMaps, SeamError, SharedPages, SocketMail};
use xen_store::image::{Image, MAILBOX};
use xen_store::server::ConnId;

use super::mailbox::{LeftBehind, Mailbox};
use super::renewal::Renewal;
use super::{hear, say};
use crate::boot::BootNodes;
use crate::claims::{Claims, Dom0Ports};
use crate::confine::{User, confine};
use crate::error::{StoreError, wait};
use crate::image::{ImageFile, boot_id};
use crate::pair::{Channel, Message, PairError, Questions, Word};
use crate::seams::Seams;
use crate::store::{Ports, Store};

/// What a worker opens itself, before its rights are gone.
pub struct Opened {
    /// Maps rings by grant 1.
    pub grants: Arc<dyn GrantMaps>,
    /// Maps rings by gfn, for domains whose builder seeded no grant; `None` where the store shall have no such right.
    pub foreign: Option<Arc<dyn ForeignMemory>>,
    /// The ring of dom0's kernel; `None` where there is none to serve.
    pub dom0: Option<Box<dyn SharedPages>>,
}

/// Opens what is a worker's own. Questions can be asked where the host's rings are got by asking.
pub type Open = Box<dyn FnOnce(&Arc<Questions>) -> Result<Opened, StoreError> + Send>;
/// Goes on with the keeper's event channels.
pub type Adopt = Box<dyn FnOnce(OwnedFd) -> Result<Arc<dyn EventChannels>, SeamError> + Send>;

/// How a worker comes to what it needs: `xen_sys`, which this crate may not name, or what stands for it.
pub struct Means {
    /// Opens what is its own.
    pub open: Open,
    /// Goes on with the keeper's event channels.
    pub channels: Adopt,
    /// Maps a file's first bytes.
    pub pages: fn(&OwnedFd, usize) -> io::Result<Box<dyn SharedPages>>,
    /// Maps a part of a file as memory for sockets: from where on, how many bytes.
    pub mail: fn(&OwnedFd, usize, usize) -> io::Result<Box<dyn SocketMail>>,
    /// What is in an empty store.
    pub nodes: BootNodes,
    /// Gives all rights up; and becomes whom. `None` for a worker that shares its process with others (tests).
    pub confine: Option<Option<User>>,
}

/// What a worker goes on with.
pub(super) struct Beginning {
    pub store: Store,
    pub mailbox: Mailbox,
    pub clients: BTreeMap<ConnId, OwnedFd>,
    pub renewal: Renewal,
}

/// What the keeper gives.
#[derive(Default)]
struct Given {
    image: Option<OwnedFd>,
    events: Option<(OwnedFd, Port)>,
    dom0: Option<Dom0Ports>,
    clients: BTreeMap<ConnId, OwnedFd>,
}

/// Opens everything. `None` where the keeper says that nothing is to be done, or is gone.
pub(super) fn begin(keeper: &Channel, questions: Questions, means: Means) -> Result<Option<Beginning>, StoreError> {
    let questions = Arc::new(questions);
    let opened = (means.open)(&questions)?;
    let boot = boot_id()?;
    if let Some(user) = means.confine {
        confine(user)?;
    }
    say(keeper, &Message::of(Word::Ready))?;
    let Some((given, start)) = hear_all(keeper)? else { return Ok(None) };
    let missing = PairError::Nonsense("to begin before everything was given");
    let (Some(image), Some((events, virq))) = (given.image, given.events) else { return Err(missing.into()) };
    let seams = Seams {
        events: (means.channels)(events)?,
        grants: opened.grants,
        foreign: opened.foreign,
        dom0: opened.dom0,
        domains: Box::new(questions),
    };
    let claims = Claims { virq, dom0: given.dom0 };
    let mail = (means.mail)(&image, MAILBOX.start, MAILBOX.len()).map_err(mapping)?;
    let length = usize::try_from(rustix::fs::fstat(&image).map_err(wait("fstat"))?.st_size).unwrap_or_default();
    let pages = (means.pages)(&image, length).map_err(mapping)?;
    let image = Arc::new(image);
    let renewal = Renewal { image: image.clone(), length, map: means.pages, boot, next: None };
    let memory = Box::new(ImageFile::new(image, pages));
    let mut store = match how(&start)? {
        None => {
            let mut store = Store::start(seams, &claims, &means.nodes)?;
            store.keep(Image::format(memory, boot)?);
            store
        }
        Some(ports) => Store::recover(seams, &claims, Image::open(memory, boot)?, ports)?,
    };
    let (mailbox, left) = Mailbox::open(mail, store.server().mail()).map_err(mapping)?;
    if start.word == Word::Succeed && start.number != 0 {
        store.came_by_live_update();
    }
    account_for(&mut store, left, &given.clients);
    if start.word == Word::Again && start.number == 1 {
        store.isolate_suspect();
    }
    if start.word != Word::Succeed {
        // Nobody else goes on with this image. What is known now, as where another's rings stand, must not be asked again.
        store.commit(mailbox.mail());
    }
    Ok(Some(Beginning { store, mailbox, clients: given.clients, renewal }))
}

/// What is certain about rings; `None` for a store that begins empty.
fn how(start: &Message) -> Result<Option<Ports>, StoreError> {
    Ok(match start.word {
        Word::Begin => None,
        Word::Again => Some(Ports::AndMore),
        Word::Anew => Some(Ports::Anew),
        Word::Adopt => Some(Ports::OfAnother),
        Word::Succeed => Some(Ports::AsTheyAre),
        _ => return Err(PairError::Nonsense("a word that does not begin anything").into()),
    })
}

/// Everything up to the word that begins.
fn hear_all(keeper: &Channel) -> Result<Option<(Given, Message)>, StoreError> {
    let mut given = Given::default();
    loop {
        let Some((message, descriptor)) = hear(keeper)? else { return Ok(None) };
        match (message.word, descriptor) {
            (Word::End, _) => return Ok(None),
            (Word::Image, image) => given.image = image,
            (Word::Events, Some(events)) => given.events = Some((events, Port(lower(message.number)))),
            (Word::Dom0, _) => {
                given.dom0 = Some(Dom0Ports { local: Port(lower(message.number >> 32)), remote: Port(lower(message.number)) })
            }
            (Word::Client, Some(socket)) => _ = given.clients.insert(ConnId(message.number), socket),
            _ => return Ok(Some((given, message))),
        }
    }
}

fn lower(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default()
}

/// Makes clients, and what happened on their sockets, what they are: those that left are forgotten, those that came are taken in.
fn account_for(store: &mut Store, left: LeftBehind, clients: &BTreeMap<ConnId, OwnedFd>) {
    let known: BTreeSet<ConnId> = store.server().sockets().into_iter().collect();
    for conn in known.iter().filter(|conn| !clients.contains_key(conn)) {
        store.disconnect(*conn);
    }
    for conn in clients.keys().filter(|conn| !known.contains(conn)) {
        store.connect_as(*conn);
    }
    for (conn, count) in left.sent {
        store.sent(conn, count);
    }
    for (conn, bytes) in left.received {
        store.input(conn, &bytes);
    }
}

fn mapping(source: io::Error) -> StoreError {
    StoreError::Wait { what: "mapping the state image", source }
}
