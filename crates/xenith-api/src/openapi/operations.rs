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

const WAIT: &str =
    "How long to wait for the end, in seconds, before the answer is 202 with the operation. A shutdown that is waited for waits as long.";
const CONFIG_ID: &str = "The name of a config's domain.";
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

    fn of(self, id: &'static str) -> Described {
        Described { id, ..self }
    }

    fn query(mut self, name: &'static str, about: &'static str, schema: Value) -> Described {
        self.parameters.push(Parameter { name, place: "query", required: false, about, schema });
        self
    }

    fn node(mut self) -> Described {
        let about = "Where the node stands, from the root on.";
        self.parameters.push(Parameter { name: "path", place: "query", required: true, about, schema: json!({ "type": "string" }) });
        self
    }

    /// The last answer names its version.
    fn tagged(mut self) -> Described {
        if let Some(last) = self.answers.last_mut() {
            last.tagged = true;
        }
        self
    }

    fn condition(mut self, name: &'static str, about: &'static str) -> Described {
        self.parameters.push(Parameter { name, place: "header", required: false, about, schema: json!({ "type": "string" }) });
        self
    }

    fn key(mut self) -> Described {
        let about = "Chosen by the caller: the same request with the same key, within a day, is the same operation.";
        self.parameters.push(Parameter {
            name: "Idempotency-Key",
            place: "header",
            required: false,
            about,
            schema: json!({ "type": "string" }),
        });
        self
    }

    fn wait(self) -> Described {
        let about = "How long to wait for the operation's end, in seconds.";
        self.query("wait", about, json!({ "type": "integer", "minimum": 0, "maximum": 3600 }))
    }

    /// What may take longer than the caller waits.
    fn operation(self) -> Described {
        let about = "It takes longer: the operation, also at `Location`.";
        self.query("wait", WAIT, json!({ "type": "integer", "minimum": 0, "maximum": 3600, "default": 1 })).json::<Operation>(202, about)
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
        routes::HOST_LOG => new.content(200, "The log, oldest byte first.", "text/plain", bytes),
        routes::CPUPOOLS => new.json::<CpuPools>(200, "The pools as they are now."),
        routes::METRICS => new.content(200, "The figures.", "application/openmetrics-text", bytes),
        routes::DOMAINS => new.json::<Vec<Domain>>(200, "Every domain, by number."),
        routes::DOMAIN => new.json::<Domain>(200, "The domain as it is now."),
        routes::CREATE => new
            .body::<CreateRequest>(true)
            .json::<CreateResponse>(200, "The plan, for a dry run.")
            .json::<CreateResponse>(201, "The domain was created.")
            .key()
            .operation(),
        routes::DESTROY => new.operation().nothing("The domain is gone."),
        routes::PAUSE => new.nothing("Its vcpus stand still."),
        routes::UNPAUSE => new.nothing("Its vcpus run."),
        routes::SHUTDOWN => new.body::<ShutdownRequest>(false).operation().nothing("It was asked, or is gone where that was waited for."),
        routes::REBOOT => new.nothing("It was asked."),
        routes::RESTART => new.key().operation().nothing("It was created again."),
        routes::RENAME => new.body::<RenameRequest>(true).json::<Domain>(200, "It has the name."),
        routes::RESIZE => new.body::<ResizeRequest>(true).json::<Domain>(200, "It was asked: the domain as it is now."),
        routes::DUMP_CORE => new.body::<DumpRequest>(false).json::<CoreDump>(200, "The dump is written.").operation(),
        routes::ADOPT => new.json::<Domain>(200, "It is ours."),
        routes::CONSOLE => new.content(101, "The console.", "application/octet-stream", bytes),
        routes::CONSOLE_LOG => new.content(200, "The log, oldest byte first.", "application/octet-stream", bytes),
        routes::CONFIGS => new.json::<Vec<StoredConfig>>(200, "The stored configs."),
        routes::CONFIG => new.of(CONFIG_ID).json::<StoredConfig>(200, "The config.").tagged(),
        routes::STORE_CONFIG => new
            .of(CONFIG_ID)
            .condition("If-Match", "The ETag of the version that is changed, or `*` for any; needed where one is stored.")
            .condition("If-None-Match", "`*`: store it only where none is stored.")
            .body::<DomainConfig>(true)
            .json::<StoredConfig>(200, "It was changed.")
            .tagged()
            .json::<StoredConfig>(201, "It was stored.")
            .tagged(),
        routes::REMOVE_CONFIG => new
            .of(CONFIG_ID)
            .condition("If-Match", "The ETag of the version that is removed; without it, whatever is stored.")
            .nothing("It is removed."),
        routes::START => {
            new.of(CONFIG_ID).body::<StartRequest>(false).json::<CreateResponse>(201, "The domain was created.").key().operation()
        }
        routes::READ_STORE => new
            .node()
            .query(
                "depth",
                "How many levels below it are told as well.",
                json!({ "type": "integer", "minimum": 0, "maximum": store::DEPTH_MAX, "default": 0 }),
            )
            .json::<StoreNodes>(200, "The nodes as they were at one moment."),
        routes::WRITE_STORE => new.node().body::<StoreValue>(true).nothing("It is written."),
        routes::REMOVE_STORE => new.node().nothing("It is removed."),
        routes::DOCTOR => new.json::<Diagnosis>(200, "What was found."),
        routes::CLEAN => new.json::<Diagnosis>(200, "What was found, and what was cleaned up."),
        routes::CRASHES => new.json::<Vec<Crash>>(200, "The crashes."),
        routes::CRASH => new.of("A crash report's id.").json::<CrashReport>(200, "The report."),
        routes::OPERATIONS => new.json::<Vec<Operation>>(200, "The operations."),
        routes::OPERATION => new.of("An operation's id.").wait().json::<Operation>(200, "The operation as it is now."),
        routes::CANCEL => new.of("An operation's id.").wait().json::<Operation>(200, "The operation as it is now."),
        routes::EVENTS => new
            .query(
                "since",
                "The number of the last event that is known; 0 for all that are kept.",
                json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
            )
            .query("follow", "Whether to go on with what happens from now on.", json!({ "type": "boolean", "default": false }))
            .content(200, "A line of JSON per event; empty lines tell that the daemon is there.", "application/x-ndjson", |schemas| {
                schemas.answer::<Event>()
            }),
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
