//! `xenith cpupools`.

use xenith_api::latest::{CpuPool, CpuPools, Problem};

use crate::context::Context;
use crate::table::{self, printable};

/// List the CPU pools: their CPUs, schedulers and how many domains run there
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith cpupools\n  \
    xenith cpupools --json | jq '.pools[] | select(.name == \"Pool-0\").cpus'\n\n\
    CPU pools are made and changed with xl for now.")]
pub struct Cpupools;

impl Cpupools {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.answer(&context.client().cpupools()?, text)
    }
}

fn text(told: &CpuPools) -> String {
    let row = |pool: &CpuPool| {
        let name = pool.name.as_deref().map_or_else(|| "-".to_owned(), printable);
        [pool.id.to_string(), name, printable(&pool.scheduler), ranges(&pool.cpus), pool.domains.to_string()]
    };
    let table = table::text(["ID", "NAME", "SCHEDULER", "CPUS", "DOMAINS"], told.pools.iter().map(row), &[0, 4]);
    match told.free_cpus.as_slice() {
        [] => table,
        free => format!("{table}in no pool: {}\n", ranges(free)),
    }
}

/// `0-3,6`; `-` for none.
fn ranges(cpus: &[u32]) -> String {
    let runs = cpus.chunk_by(|one, next| one.checked_add(1) == Some(*next)).filter_map(|run| match run {
        [] => None,
        [one] => Some(one.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    let all = runs.collect::<Vec<_>>().join(",");
    if all.is_empty() { "-".to_owned() } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_a_range() {
        for (cpus, expected) in [(&[] as &[u32], "-"), (&[3], "3"), (&[0, 1, 2, 4, 6, 7], "0-2,4,6-7"), (&[u32::MAX], "4294967295")] {
            assert_eq!(ranges(cpus), expected);
        }
    }

    #[test]
    fn a_table() {
        let pool = |id, name: Option<&str>, cpus: &[u32]| CpuPool {
            id,
            name: name.map(str::to_owned),
            scheduler: "credit2".to_owned(),
            cpus: cpus.to_vec(),
            domains: 1,
        };
        let pools = vec![pool(0, Some("Pool-0"), &[0, 1]), pool(12, None, &[])];
        let mut told = CpuPools { pools, free_cpus: vec![2, 3] };
        let expected = "\
ID  NAME    SCHEDULER  CPUS  DOMAINS
 0  Pool-0  credit2    0-1         1
12  -       credit2    -           1
";
        assert_eq!(text(&told), format!("{expected}in no pool: 2-3\n"));
        told.free_cpus.clear();
        assert_eq!(text(&told), expected);
    }
}
