//! `xenith crashes`.

use xenith_api::calendar::Utc;
use xenith_api::latest::{Crash, CrashReport, Problem, VcpuRegisters};

use crate::complete;
use crate::context::Context;

/// Show which domains crashed, or what was known of one when it did
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith crashes                                         a line for each, newest first\n  \
    xenith crashes 0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55    registers and the console's last words")]
pub struct Crashes {
    /// One of them, by its id
    #[arg(add = complete::crashes())]
    id: Option<String>,
}

impl Crashes {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let client = context.client();
        match &self.id {
            None => context.answer(&client.crashes()?, |all| all.iter().map(line).collect()),
            Some(id) => context.answer(&client.crash(id)?, whole),
        }
    }
}

fn line(crash: &Crash) -> String {
    let core = crash.core.as_ref().map_or(String::new(), |core| format!(", core {core}"));
    format!("{} {} d{} {}: {}{core}\n", crash.id, Utc::of(crash.time_ms / 1000).text(), crash.domid, crash.name, crash.reason)
}

fn whole(report: &CrashReport) -> String {
    let CrashReport { id, time_ms, ref name, uuid, domid, ref reason, ref core, .. } = *report;
    let crash = Crash { id, time_ms, name: name.clone(), uuid, domid, reason: reason.clone(), core: core.clone() };
    let vcpus: String = report.vcpus.iter().map(registers).collect();
    // What a guest wrote is not for our terminal to obey.
    let console: String =
        report.console.chars().flat_map(|c| if c.is_control() && c != '\n' { c.escape_default().collect() } else { vec![c] }).collect();
    format!("{}{vcpus}console:\n{}\n", line(&crash), console.trim_end())
}

/// Four a line.
fn registers(vcpu: &VcpuRegisters) -> String {
    let all: Vec<String> = vcpu.registers.iter().map(|(name, value)| format!("{name:>6} {value}")).collect();
    let lines: String = all.chunks(4).map(|four| format!("  {}\n", four.join(" "))).collect();
    format!("vcpu {}:\n{lines}", vcpu.vcpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report() {
        let report = r#"{"id":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55","time_ms":0,"name":"web","uuid":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e56",
            "domid":5,"reason":"crash","vcpus":[{"vcpu":0,"registers":{"rip":"0x1","cr0":"0x2"}}],"console":"a\u001bb\r\nc\n","core":"/x"}"#;
        let report: CrashReport = serde_json::from_str(report).unwrap();
        let expected = "0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55 1970-01-01T00:00:00Z d5 web: crash, core /x\n\
            vcpu 0:\n     cr0 0x2    rip 0x1\nconsole:\na\\u{1b}b\\r\nc\n";
        assert_eq!(whole(&report), expected);
    }
}
