//! What belongs to nobody, in the state image: limits, and a live update that was begun.

use super::super::Server;
use super::super::requests::LiveUpdate;
use crate::image::{ImageError, Kind, Reader, Writer};
use crate::quota::{Limit, Quota};

/// What was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    quota: Quota,
    live_update: Option<LiveUpdate>,
    asked_again: bool,
}

impl Server {
    pub(super) fn keep_settings(&mut self) {
        let Some(keeping) = &mut self.keeping else { return };
        let (slot, kept) = &mut keeping.settings;
        let same = kept.quota == self.quota && kept.live_update == self.live_update && kept.asked_again == self.asked_again;
        if same && !slot.is_none() {
            return;
        }
        *kept = Settings { quota: self.quota.clone(), live_update: self.live_update.clone(), asked_again: self.asked_again };
        keeping.image.replace(slot, Kind::Settings, encode(kept).bytes());
    }

    pub(super) fn recover_settings(&mut self, body: &[u8]) -> Result<Settings, ImageError> {
        let settings = decode(body)?;
        let Settings { quota, live_update, asked_again } = settings.clone();
        self.quota = quota;
        self.live_update = live_update;
        self.asked_again = asked_again;
        Ok(settings)
    }
}

fn encode(settings: &Settings) -> Writer {
    let mut body = Writer::default();
    body.size(Limit::ALL.len());
    for limit in Limit::ALL {
        body.string(limit.name().as_bytes()).number(settings.quota.get(*limit));
    }
    body.flag(settings.asked_again).flag(settings.live_update.is_some());
    if let Some(session) = &settings.live_update {
        session.encode(&mut body);
    }
    body
}

fn decode(body: &[u8]) -> Result<Settings, ImageError> {
    let mut body = Reader::new(body);
    let mut quota = Quota::default();
    for _ in 0..body.number()? {
        let name = body.string()?;
        let value = body.narrow()?;
        if let Some(limit) = Limit::by_name(name) {
            quota.set(limit, value);
        }
    }
    let asked_again = body.flag()?;
    let live_update = if body.flag()? { Some(LiveUpdate::decode(&mut body)?) } else { None };
    Ok(Settings { quota, live_update, asked_again })
}
