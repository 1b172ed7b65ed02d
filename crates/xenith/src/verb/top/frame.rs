//! What one table shows: a sample, and what ran since the one before.

use std::cmp::Reverse;
use std::time::Instant;

use serde::Serialize;
use uuid::Uuid;
use xenith_api::latest::{Domain, DomainState, Host};

use super::Sort;
use crate::table::{self, printable};
use crate::verb::list::{mebibytes, state};

/// What was seen at one time.
pub struct Sample {
    pub at: Instant,
    pub domains: Vec<Domain>,
    pub host: Host,
}

/// One table.
#[derive(Debug, Serialize)]
pub struct Frame {
    /// What the percentages count, in milliseconds; none for the first table.
    pub elapsed_ms: Option<u64>,
    pub total_memory_kib: u64,
    pub free_memory_kib: u64,
    pub cpus: u32,
    pub domains: Vec<Row>,
}

/// One domain.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: String,
    pub domid: u16,
    pub uuid: Uuid,
    pub state: DomainState,
    pub vcpus: u32,
    /// Of one physical CPU; none where it was not there before.
    pub cpu_percent: Option<f64>,
    pub cpu_seconds: f64,
    pub memory_kib: u64,
}

impl Frame {
    pub fn new(now: &Sample, before: Option<&Sample>, sort: Sort) -> Frame {
        let elapsed = before.map(|before| now.at.duration_since(before.at));
        let mut domains: Vec<Row> = now.domains.iter().map(|domain| row(domain, now, before)).collect();
        match sort {
            // Percentages are not negative and not NaN: their bits are in their order.
            Sort::Cpu => domains.sort_by_key(|row| Reverse((row.cpu_percent.unwrap_or(0.0).to_bits(), row.cpu_seconds.to_bits()))),
            Sort::Memory => domains.sort_by_key(|row| Reverse(row.memory_kib)),
            Sort::Name => domains.sort_by(|a, b| a.name.cmp(&b.name)),
            Sort::Domid => domains.sort_by_key(|row| row.domid),
        }
        Frame {
            elapsed_ms: elapsed.map(|elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)),
            total_memory_kib: now.host.total_memory_kib,
            free_memory_kib: now.host.free_memory_kib,
            cpus: now.host.cpus,
            domains,
        }
    }

    pub fn text(&self) -> String {
        let Frame { cpus, domains, .. } = self;
        let (total, free) = (mebibytes(self.total_memory_kib), mebibytes(self.free_memory_kib));
        let head = format!("{} domains, {cpus} CPUs, {total} of memory, {free} free\n\n", domains.len());
        let rows = domains.iter().map(|row| {
            [
                printable(&row.name),
                row.domid.to_string(),
                state(row.state).to_owned(),
                row.vcpus.to_string(),
                row.cpu_percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1}%")),
                format!("{:.1} s", row.cpu_seconds),
                mebibytes(row.memory_kib),
            ]
        });
        head + &table::text(["NAME", "DOMID", "STATE", "VCPUS", "CPU", "TIME", "MEMORY"], rows, &[1, 3, 4, 5, 6])
    }
}

/// A domain that was restarted since counts from its start.
fn row(domain: &Domain, now: &Sample, before: Option<&Sample>) -> Row {
    let same = |one: &&Domain| (one.uuid, one.domid) == (domain.uuid, domain.domid);
    let cpu_percent = before.and_then(|before| {
        let ran = domain.cpu_seconds - before.domains.iter().find(same)?.cpu_seconds;
        let elapsed = now.at.duration_since(before.at).as_secs_f64();
        (elapsed > 0.0).then(|| (ran / elapsed * 100.0).max(0.0))
    });
    let Domain { domid, uuid, state, vcpus, cpu_seconds, memory_kib, .. } = *domain;
    Row { name: domain.name.clone(), domid, uuid, state, vcpus, cpu_percent, cpu_seconds, memory_kib }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sample(at: Instant, cpu: [f64; 2]) -> Sample {
        let domain = |name: &str, domid: u16, cpu_seconds: f64, memory_kib: u64| Domain {
            name: name.to_owned(),
            domid,
            uuid: Uuid::from_u128(domid.into()),
            state: DomainState::Running,
            vcpus: 2,
            memory_kib,
            cpu_seconds,
            held: false,
            config: None,
        };
        let host = r#"{"xen_version":"4.17","domctl_version":21,"sysctl_version":21,"total_memory_kib":4194304,"free_memory_kib":1048576,
            "claimed_memory_kib":0,"cpus":4,"capabilities":[]}"#;
        let domains = vec![domain("Domain-0", 0, cpu[0], 1536 << 10), domain("web", 5, cpu[1], 64 << 10)];
        Sample { at, domains, host: serde_json::from_str(host).unwrap() }
    }

    #[test]
    fn what_ran_in_between() {
        let begin = Instant::now();
        let (first, second) = (sample(begin, [10.0, 1.0]), sample(begin + Duration::from_secs(2), [10.5, 4.0]));
        assert!(Frame::new(&first, None, Sort::Cpu).domains.iter().all(|row| row.cpu_percent.is_none()));
        let frame = Frame::new(&second, Some(&first), Sort::Cpu);
        let expected = "\
2 domains, 4 CPUs, 4096 MiB of memory, 1024 MiB free

NAME      DOMID  STATE    VCPUS     CPU    TIME    MEMORY
web           5  running      2  150.0%   4.0 s    64 MiB
Domain-0      0  running      2   25.0%  10.5 s  1536 MiB
";
        assert_eq!(frame.text(), expected);
        assert_eq!(frame.elapsed_ms, Some(2000));
        let names = |sort| Frame::new(&second, Some(&first), sort).domains.iter().map(|row| row.domid).collect::<Vec<_>>();
        assert_eq!((names(Sort::Memory), names(Sort::Name), names(Sort::Domid)), (vec![0, 5], vec![0, 5], vec![0, 5]));
        // A number that is another domain's by now.
        let mut other = sample(begin, [0.0, 0.0]);
        other.domains[1].uuid = Uuid::from_u128(77);
        assert_eq!(Frame::new(&second, Some(&other), Sort::Domid).domains[1].cpu_percent, None);
    }
}
