//! `xenith operations`.

use xenith_api::latest::{Operation, OperationState, Problem};

use crate::complete;
use crate::context::Context;

/// Show the operations under way and those that ended not long ago, or cancel one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith operations                                                a line for each\n  \
    xenith operations 0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55           its steps, and how long each took\n  \
    xenith operations 0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55 --cancel  turn back: what was done is undone")]
pub struct Operations {
    /// One of them, by its id
    #[arg(add = complete::operations())]
    id: Option<String>,
    /// Ask it to turn back
    #[arg(long, requires = "id")]
    cancel: bool,
}

impl Operations {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let client = context.client();
        match &self.id {
            None => context.answer(&client.operations()?, |all| all.iter().map(line).collect()),
            Some(id) if self.cancel => context.answer(&client.cancel(id)?, line),
            Some(id) => context.answer(&client.operation(id)?, whole),
        }
    }
}

fn line(one: &Operation) -> String {
    let state = match one.state {
        OperationState::Running if one.cancelling => "turning back".to_owned(),
        OperationState::Running => format!("{} of {}", one.done, one.total),
        OperationState::Succeeded => "succeeded".to_owned(),
        OperationState::Failed => "failed".to_owned(),
        OperationState::Cancelled => "cancelled".to_owned(),
    };
    let kind = serde_json::to_value(one.kind).ok().and_then(|kind| Some(kind.as_str()?.to_owned())).unwrap_or_default();
    let why = one.error.as_ref().map_or(String::new(), |problem| format!(": {problem}"));
    format!("{} {kind} {} {state}{why}\n", one.id, one.subject)
}

fn whole(one: &Operation) -> String {
    let took = |us: Option<u64>| us.map_or("       -".to_owned(), |us| format!("{:5}.{:01} ms", us / 1000, us % 1000 / 100));
    line(one) + &one.steps.iter().map(|step| format!("  {} {}\n", took(step.duration_us), step.text)).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let json = r#"{"id":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55","kind":"create","subject":"web","state":"running","caller":"uid 0",
            "started_ms":1,"done":1,"total":2,"cancelling":false,"steps":[{"text":"a","undo":"b","duration_us":1250},{"text":"c","undo":"d"}]}"#;
        let mut one: Operation = serde_json::from_str(json).unwrap();
        assert_eq!(line(&one), "0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55 create web 1 of 2\n");
        assert!(whole(&one).ends_with("web 1 of 2\n      1.2 ms a\n         - c\n"), "{}", whole(&one));
        one.cancelling = true;
        assert!(line(&one).ends_with("turning back\n"));
    }
}
