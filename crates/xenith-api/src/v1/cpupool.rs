//! CPU pools: groups of physical CPUs with a scheduler each. To be looked at; changes come later.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /v1/cpupools`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CpuPools {
    /// Every pool, by number.
    pub pools: Vec<CpuPool>,
    /// CPUs that no pool has, by number.
    pub free_cpus: Vec<u32>,
}

/// A CPU pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CpuPool {
    /// Its number; pool 0 is always there.
    pub id: u32,
    /// Its name, where the store tells one; pool 0 is `Pool-0` unless it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its scheduler: `credit2`, `credit`, `rtds`, `arinc653`, `null`, or one by its number.
    pub scheduler: String,
    /// Its CPUs, by number.
    pub cpus: Vec<u32>,
    /// How many domains it has. Those that are dying are in pool 0.
    pub domains: u32,
}
