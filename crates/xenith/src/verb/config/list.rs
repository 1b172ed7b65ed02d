//! `xenith config list`.

use xenith_api::latest::{Problem, StoredConfig};

use crate::context::Context;
use crate::table;

/// List the stored configs
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith config list    a table; PENDING: what runs was started from something else")]
pub struct List;

impl List {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.answer(&context.client().configs()?, |all| table(all))
    }
}

fn table(all: &[StoredConfig]) -> String {
    let row = |one: &StoredConfig| {
        let domid = one.domid.map_or_else(|| "-".to_owned(), |domid| domid.to_string());
        let pending = if one.pending { "yes" } else { "no" };
        [one.config.name.clone(), domid, pending.to_owned(), one.etag.clone()]
    };
    table::text(["NAME", "DOMID", "PENDING", "VERSION"], all.iter().map(row), &[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table() {
        let one = r#"[{"config":{"name":"web","memory":"64MiB","boot":{"kernel":"/k"}},"etag":"\"1\"","domid":3,"pending":true},
            {"config":{"name":"mail","memory":"64MiB","boot":{"kernel":"/k"}},"etag":"\"2\""}]"#;
        let all: Vec<StoredConfig> = serde_json::from_str(one).unwrap();
        assert_eq!(table(&all), "NAME  DOMID  PENDING  VERSION\nweb       3  yes      \"1\"\nmail      -  no       \"2\"\n");
    }
}
