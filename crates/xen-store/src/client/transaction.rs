//! Transactions of a client.

use super::{Client, ClientError, Reply, Request, Requests, Transport, TxId, all_granted};
use crate::wire::XsError;

/// How often a transaction that meets others is tried before it is given up.
const TRIES: u32 = 1000;

/// A transaction that is open: ask it like a client.
#[derive(Debug)]
pub struct Tx<'a, T> {
    client: &'a mut Client<T>,
    id: TxId,
}

impl<T: Transport> Requests for Tx<'_, T> {
    fn call(&mut self, request: &Request) -> Result<Vec<u8>, ClientError> {
        self.client.call_in(self.id, request)
    }
}

impl<T: Transport> Tx<'_, T> {
    /// Sends requests without waiting in between; see [`Client::pipeline`].
    pub fn pipeline(&mut self, requests: &[Request]) -> Result<Vec<Reply>, ClientError> {
        let tagged: Vec<(TxId, &Request)> = requests.iter().map(|request| (self.id, request)).collect();
        self.client.exchange(&tagged)
    }

    /// Sends requests without waiting in between; see [`Client::pipeline_all`].
    pub fn pipeline_all(&mut self, requests: &[Request]) -> Result<Vec<Vec<u8>>, ClientError> {
        let replies = self.pipeline(requests)?;
        all_granted(requests, replies)
    }
}

impl<T: Transport> Client<T> {
    /// Runs the closure in a transaction and commits it; again, with a fresh view, while the store says EAGAIN. An error of the closure
    /// drops the transaction.
    pub fn transaction<R>(&mut self, mut body: impl FnMut(&mut Tx<'_, T>) -> Result<R, ClientError>) -> Result<R, ClientError> {
        for _ in 0..TRIES {
            let id = self.start()?;
            let mut tx = Tx { client: self, id };
            let result = match body(&mut tx) {
                Ok(result) => result,
                Err(error) => {
                    // The first error is the one to tell; the transaction dies with it or with the connection.
                    let _ = self.call_in(id, &Request::transaction_end(false));
                    return Err(error);
                }
            };
            if committed(self.call_in(id, &Request::transaction_end(true)))? {
                return Ok(result);
            }
        }
        Err(ClientError::Conflict { tries: TRIES })
    }

    /// All or nothing: the requests in one transaction, three waits. A refusal of any drops the transaction and is the error.
    pub fn commit(&mut self, requests: &[Request]) -> Result<Vec<Vec<u8>>, ClientError> {
        self.transaction(|tx| tx.pipeline_all(requests))
    }

    /// The requests and the commit in one go: two waits. Everybody sees all changes at once, but where a request is refused the others are
    /// committed all the same, and the refusal is the error: for requests that the store has no reason to refuse.
    pub fn commit_blind(&mut self, requests: &[Request]) -> Result<Vec<Vec<u8>>, ClientError> {
        let end = Request::transaction_end(true);
        for _ in 0..TRIES {
            let id = self.start()?;
            let tagged: Vec<(TxId, &Request)> = requests.iter().chain([&end]).map(|request| (id, request)).collect();
            let mut replies: Vec<Reply> = self.exchange(&tagged)?;
            let ended = replies.pop().unwrap_or(Err(XsError::Io));
            if committed(ended.map_err(|error| ClientError::refused(&end, error)))? {
                return all_granted(requests, replies);
            }
        }
        Err(ClientError::Conflict { tries: TRIES })
    }

    fn start(&mut self) -> Result<TxId, ClientError> {
        TxId::from_reply(&self.call(&Request::transaction_start())?)
    }
}

/// Whether the commit went through; `false` where it met another one.
fn committed(end: Result<Vec<u8>, ClientError>) -> Result<bool, ClientError> {
    match end {
        Ok(_) => Ok(true),
        Err(error) if error.refusal() == Some(XsError::Again) => Ok(false),
        Err(error) => Err(error),
    }
}
