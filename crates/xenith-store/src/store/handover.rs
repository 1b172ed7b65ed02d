//! A live update, as far as the one knows that is to be replaced.
//!
//! ```text
//!   asked -> (the keeper decides) -> refused
//!                                 -> new transactions wait -> none is open, or -F and the time is up -> frozen -> the end, or all goes on
//! ```

use xen_store::server::LiveUpdateRequest;

use super::Store;

/// A live update that was asked for and not answered yet.
pub(super) enum LiveUpdate {
    /// None.
    None,
    /// The successor of one: whoever asked for it finds it done.
    Done,
    /// It is to be told to the keeper.
    Asked(LiveUpdateRequest),
    /// It is in the keeper's hands.
    Told(LiveUpdateRequest),
    /// Its asker took it back.
    Aborted,
}

impl Store {
    pub(super) fn live_update_asked(&mut self, request: LiveUpdateRequest) {
        if matches!(self.live_update, LiveUpdate::Done) {
            self.live_update = LiveUpdate::None;
            self.server.live_updated(request.asker, Ok(()));
        } else {
            self.live_update = LiveUpdate::Asked(request);
        }
    }

    pub(super) fn live_update_aborted(&mut self) {
        self.server.hold_transactions(false);
        let told = matches!(self.live_update, LiveUpdate::Told(_));
        self.live_update = if told { LiveUpdate::Aborted } else { LiveUpdate::None };
    }

    /// We are the outcome of a live update that somebody waits for.
    pub fn came_by_live_update(&mut self) {
        self.live_update = LiveUpdate::Done;
    }

    /// A live update that was asked for since the last call.
    pub fn take_live_update(&mut self) -> Option<LiveUpdateRequest> {
        match std::mem::replace(&mut self.live_update, LiveUpdate::None) {
            LiveUpdate::Asked(request) => {
                self.live_update = LiveUpdate::Told(request.clone());
                Some(request)
            }
            other => {
                self.live_update = other;
                None
            }
        }
    }

    /// Whether one that the keeper knows was taken back since the last call.
    pub fn take_aborted_live_update(&mut self) -> bool {
        let aborted = matches!(self.live_update, LiveUpdate::Aborted);
        if aborted {
            self.live_update = LiveUpdate::None;
        }
        aborted
    }

    /// The one that the keeper knows.
    #[must_use]
    pub fn live_update(&self) -> Option<&LiveUpdateRequest> {
        if let LiveUpdate::Told(request) = &self.live_update { Some(request) } else { None }
    }

    /// Answers it: why it does not come about. New transactions begin again.
    pub fn refuse_live_update(&mut self, reason: &str) {
        self.server.hold_transactions(false);
        match std::mem::replace(&mut self.live_update, LiveUpdate::None) {
            LiveUpdate::Told(request) | LiveUpdate::Asked(request) => {
                tracing::warn!("store: no hand-over to {}: {reason}", request.file);
                self.server.live_updated(request.asker, Err(reason));
            }
            LiveUpdate::None | LiveUpdate::Done | LiveUpdate::Aborted => tracing::warn!("store: no live update: {reason}"),
        }
    }

    /// Lets no new transaction begin.
    pub fn hold_transactions(&mut self) {
        self.server.hold_transactions(true);
    }
}
