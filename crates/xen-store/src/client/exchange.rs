//! Requests out, replies in, with a window so that neither side blocks on the other.

use super::{Client, ClientError, Reply, Request, Transport, TxId};
use crate::wire::{self, Message, MsgType, XsError};

/// Bytes of requests in flight at once: less than a socket's buffer, so that neither side blocks on the other.
const WINDOW: usize = 32 * 1024;
/// Requests in flight at once.
const WINDOW_REQUESTS: usize = 256;

impl<T: Transport> Client<T> {
    pub(super) fn exchange(&mut self, mut requests: &[(TxId, &Request)]) -> Result<Vec<Reply>, ClientError> {
        let mut replies = Vec::with_capacity(requests.len());
        while !requests.is_empty() {
            let (now, later) = requests.split_at(window(requests));
            self.exchange_window(now, &mut replies)?;
            requests = later;
        }
        Ok(replies)
    }

    fn exchange_window(&mut self, requests: &[(TxId, &Request)], replies: &mut Vec<Reply>) -> Result<(), ClientError> {
        let mut bytes = Vec::new();
        let first = self.next_request;
        for (index, (tx, request)) in (0u32..).zip(requests) {
            let req_id = first.wrapping_add(index);
            wire::encode(request.kind().number(), req_id, tx.0, request.payload(), &mut bytes)?;
            self.next_request = req_id.wrapping_add(1);
        }
        self.transport.write_all(&bytes)?;
        self.transport.flush()?;
        self.counters.requests += requests.len() as u64;
        self.counters.waits += 1;
        for (index, (_, request)) in (0u32..).zip(requests) {
            let message = self.next_reply()?;
            replies.push(check_reply(request, first.wrapping_add(index), message)?);
        }
        Ok(())
    }

    /// The next message that is no event.
    fn next_reply(&mut self) -> Result<Message, ClientError> {
        loop {
            match self.parser.next_message()? {
                Some(message) if message.kind == MsgType::WatchEvent.number() => self.events.push(&message.payload),
                Some(message) => return Ok(message),
                None => self.fill()?,
            }
        }
    }
}

/// How many of the requests go out at once: at least one.
fn window(requests: &[(TxId, &Request)]) -> usize {
    let mut bytes = 0;
    let fits = requests.iter().take(WINDOW_REQUESTS).take_while(|(_, request)| {
        bytes += wire::HEADER_LEN + request.payload().len();
        bytes <= WINDOW
    });
    fits.count().max(1)
}

fn check_reply(request: &Request, req_id: u32, message: Message) -> Result<Reply, ClientError> {
    if message.req_id != req_id {
        return Err(ClientError::Protocol("a reply to another request"));
    }
    match message.kind {
        kind if kind == MsgType::Error.number() => Ok(Err(XsError::from_payload(&message.payload))),
        kind if kind == request.kind().number() => Ok(Ok(message.payload)),
        _ => Err(ClientError::Protocol("a reply of another type than the request")),
    }
}
