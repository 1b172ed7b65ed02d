//! What each route takes and answers, beyond its path.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::schemas::Schemas;
use crate::v1::routes::{self, Route};
use crate::v1::*;

/// Gives the schema, and makes what it refers to known.
pub(super) type Schema = fn(&mut Schemas) -> Value;

/// What a route takes and answers.
pub(super) struct Described {
    pub(super) id: &'static str,
    pub(super) body: Option<(bool, Schema)>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) answers: Vec<Answer>,
}

pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) required: bool,
    pub(super) about: &'static str,
    pub(super) schema: Value,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) about: &'static str,
    pub(super) content: Option<(&'static str, Schema)>,
    pub(super) tagged: bool,
}

const DOMAIN_ID: &str = "A domain's name, domid or uuid.";

impl Described {
    fn new() -> Described {
        Described { id: DOMAIN_ID, body: None, parameters: Vec::new(), answers: Vec::new() }
    }

    fn json<T: JsonSchema>(self, status: u16, about: &'static str) -> Described {
        self.content(status, about, "application/json", |schemas| schemas.answer::<T>())
    }

    fn content(mut self, status: u16, about: &'static str, kind: &'static str, schema: Schema) -> Described {
        self.answers.push(Answer { status, about, content: Some((kind, schema)), tagged: false });
        self
    }

    fn nothing(mut self, about: &'static str) -> Described {
        self.answers.push(Answer { status: 204, about, content: None, tagged: false });
        self
    }

    fn body<T: JsonSchema>(mut self, required: bool) -> Described {
        self.body = Some((required, |schemas| schemas.request::<T>()));
        self
    }
}

fn bytes(_: &mut Schemas) -> Value {
    json!({})
}

/// Every route has its line here; a test looks.
pub(super) fn described(route: &Route) -> Described {
    let new = Described::new();
    match *route {
        routes::ROOT => new.json::<Root>(200, "What this daemon is."),
        routes::OPENAPI => new.content(200, "The document.", "application/json", bytes),
        routes::HOST => new.json::<Host>(200, "The host as it is now."),
        routes::DOMAINS => new.json::<Vec<Domain>>(200, "Every domain, by number."),
        routes::DOMAIN => new.json::<Domain>(200, "The domain as it is now."),
        routes::CREATE => new
            .body::<CreateRequest>(true)
            .json::<CreateResponse>(200, "The plan, for a dry run.")
            .json::<CreateResponse>(201, "The domain was created."),
        routes::DESTROY => new.nothing("The domain is gone."),
        routes::PAUSE => new.nothing("Its vcpus stand still."),
        routes::UNPAUSE => new.nothing("Its vcpus run."),
        routes::SHUTDOWN => new.body::<ShutdownRequest>(false).nothing("It was asked, or is gone where that was waited for."),
        routes::CONSOLE => new.content(101, "The console.", "application/octet-stream", bytes),
        routes::CONSOLE_LOG => new.content(200, "The log, oldest byte first.", "application/octet-stream", bytes),
        _ => new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_says_what_it_answers() {
        for route in routes::ALL {
            assert!(!described(route).answers.is_empty(), "{} {}", route.method, route.path);
        }
    }
}
