//! Requests out, replies in, with a window so that neither side blocks on the other.

use super::{Client, ClientError, Reply, Request, Transport, TxId};
use crate::wire::{HEADER_LEN, PAYLOAD_MAX, PayloadTooLong, XsError};

/// Bytes of requests in flight at once: less than a socket's buffer, so that neither side blocks on the other.
const WINDOW: usize = 32 * 1024;
/// Requests in flight at once.
const WINDOW_REQUESTS: usize = 256;

impl<T: Transport> Client<T> {
    pub(super) fn exchange(&mut self, mut requests: &[(TxId, &Request)]) -> Result<Vec<Reply>, ClientError> {
        if self.given_up {
            return Err(ClientError::Closed);
        }
        let too_long = requests.iter().map(|(_, request)| request.payload().len()).find(|len| *len > PAYLOAD_MAX);
        too_long.map_or(Ok(()), |len| Err(PayloadTooLong::measured(len)))?;
        let mut replies = Vec::with_capacity(requests.len());
        while !requests.is_empty() {
            let (now, later) = requests.split_at(window(requests));
            self.exchange_window(now, &mut replies)?;
            requests = later;
        }
        Ok(replies)
    }

    fn exchange_window(&mut self, requests: &[(TxId, &Request)], replies: &mut Vec<Reply>) -> Result<(), ClientError> {
        let mut first = None;
        for (tx, request) in requests {
            let ticket = self.session.send_in(*tx, request)?;
            first.get_or_insert(ticket);
        }
        let output = self.session.output();
        self.transport.write_all(output)?;
        self.transport.flush()?;
        self.session.sent(self.session.output().len());
        self.counters.requests += requests.len() as u64;
        self.counters.waits += 1;
        let before = replies.len();
        replies.resize(before + requests.len(), Err(XsError::Io));
        for _ in requests {
            let (ticket, reply) = self.next_reply()?;
            let at = first.map(|first| before + ticket.since(first));
            let slot = at.and_then(|at| replies.get_mut(at)).ok_or(ClientError::Protocol("a reply to another request"))?;
            *slot = reply;
        }
        Ok(())
    }

    /// The next reply, in whatever order they come.
    fn next_reply(&mut self) -> Result<(super::Ticket, Reply), ClientError> {
        loop {
            if let Some(reply) = self.session.next_reply() {
                return Ok(reply);
            }
            let patience = self.patience;
            if patience.is_some() && !self.transport.wait_readable(patience)? {
                self.given_up = true;
                return Err(ClientError::TimedOut { seconds: patience.unwrap_or_default().as_secs() });
            }
            self.fill()?;
        }
    }
}

/// How many of the requests go out at once: at least one.
fn window(requests: &[(TxId, &Request)]) -> usize {
    let mut bytes = 0;
    let fits = requests.iter().take(WINDOW_REQUESTS).take_while(|(_, request)| {
        bytes += HEADER_LEN + request.payload().len();
        bytes <= WINDOW
    });
    fits.count().max(1)
}
