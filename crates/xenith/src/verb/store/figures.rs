//! What the store says of its clients: CONTROL `report`, and the domains' names.
//!
//! ```text
//!   store nodes=9 memory=1024 ...      the whole             a last line `next 17`: there is more, ask `report 17`
//!   tools clients=2 requests=7 ...     all sockets           a word that is no KEY=NUMBER is left out
//!   d5 requests=40 ...                 a domain
//! ```

use std::collections::BTreeMap;

use serde::Serialize;
use xen_abi::DomId;
use xen_store::client::{ClientError, Request, Requests};
use xen_store::path;
use xen_store::wire::XsError;
use xenith_api::latest::{Code, Problem};

use super::place::{self, Store};

/// A client, or the whole, and its figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// `store`, `tools`, `d5`.
    pub client: String,
    /// The domain's name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// By key.
    #[serde(flatten)]
    pub values: BTreeMap<String, u64>,
}

impl Figures {
    /// One of them; 0 where the store does not count it.
    pub fn get(&self, key: &str) -> u64 {
        self.values.get(key).copied().unwrap_or_default()
    }

    /// The whole line; none where it is no line of figures.
    fn parse(line: &str) -> Option<Figures> {
        let (client, words) = line.split_once(' ')?;
        let value = |word: &str| word.split_once('=').and_then(|(key, value)| Some((key.to_owned(), value.parse().ok()?)));
        Some(Figures { client: client.to_owned(), name: None, values: words.split(' ').filter_map(value).collect() })
    }

    fn domid(&self) -> Option<DomId> {
        self.client.strip_prefix('d').and_then(|domid| domid.parse().ok()).map(DomId)
    }
}

/// Everything, the whole first, with the names that domains have.
pub fn ask(store: &mut Store) -> Result<Vec<Figures>, ClientError> {
    let mut all = figures(store)?;
    let named: Vec<(usize, Request)> = all.iter().enumerate().filter_map(|(at, one)| Some((at, name_of(one.domid()?)))).collect();
    let requests: Vec<Request> = named.iter().map(|(_, request)| request.clone()).collect();
    for ((at, _), reply) in named.iter().zip(store.pipeline(&requests)?) {
        if let Some(one) = all.get_mut(*at) {
            one.name = reply.ok().map(|name| String::from_utf8_lossy(&name).into_owned());
        }
    }
    Ok(all)
}

fn name_of(domid: DomId) -> Request {
    Request::read(&path::domain(domid).name())
}

fn figures(store: &mut Store) -> Result<Vec<Figures>, ClientError> {
    let mut all = Vec::new();
    let mut next = None;
    loop {
        let from = next.map(|domid: u16| domid.to_string());
        let words: Vec<&str> = [Some("report"), from.as_deref()].into_iter().flatten().collect();
        let part = store.call(&Request::control(&words))?;
        let part = String::from_utf8_lossy(&part);
        let lines = part.trim_end_matches('\0').lines();
        let more = lines.clone().find_map(|line| line.strip_prefix("next ")?.parse().ok());
        all.extend(lines.filter(|line| !line.starts_with("next ")).filter_map(Figures::parse));
        match more {
            None => return Ok(all),
            Some(domid) if next.is_some_and(|before| domid <= before) => return Err(ClientError::Protocol("a report without an end")),
            Some(domid) => next = Some(domid),
        }
    }
}

/// Why there are no figures. A stock store has none.
pub fn problem(error: &ClientError) -> Problem {
    if error.refusal() == Some(XsError::Invalid) {
        let advice = "only `xenith store` has them; `xenith store control memreport` may know something";
        return Problem::new(Code::StoreRefused, "store", "this store does not tell figures", advice);
    }
    place::problem(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (line, expected) in [
            ("d5 requests=7 nodes=3", Some(("d5", vec![("nodes", 3), ("requests", 7)]))),
            ("d5 requests=7 later words=x more=", Some(("d5", vec![("requests", 7)]))),
            ("d5", None),
        ] {
            let parsed = Figures::parse(line);
            let seen =
                parsed.as_ref().map(|one| (one.client.as_str(), one.values.iter().map(|(key, value)| (key.as_str(), *value)).collect()));
            assert_eq!(seen, expected, "{line}");
        }
    }
}
