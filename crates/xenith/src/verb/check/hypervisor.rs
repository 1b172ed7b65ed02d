//! What Xen itself says: its release, and whether it can run PVH domains.

use std::sync::Arc;

use xen_hv::{Hypercalls, Negotiated, Xen, negotiate};
use xen_sys::Privcmd;

use super::{Finding, State, finding, ok};

/// The answer, as far as we got.
pub enum Hypervisor {
    /// It cannot be asked; why.
    Silent(String),
    /// It is not in the release table; the report.
    Unknown(String),
    /// It is.
    Known {
        /// `4.17`.
        release: String,
        /// Whether HVM and PVH domains can run.
        hvm: bool,
        /// Whether hardware-assisted paging is there: Debian's and most current builds have no shadow paging.
        hap: bool,
    },
}

impl Hypervisor {
    /// Asks, changing nothing.
    pub fn ask() -> Hypervisor {
        Hypervisor::try_ask().unwrap_or_else(Hypervisor::Silent)
    }

    fn try_ask() -> Result<Hypervisor, String> {
        let hypercalls: Arc<dyn Hypercalls> = Arc::new(Privcmd::open().map_err(|e| e.to_string())?);
        let release = match negotiate(hypercalls.as_ref()).map_err(|e| e.to_string())? {
            Negotiated::Full(release) => release,
            Negotiated::StableOnly(stable) => return Ok(Hypervisor::Unknown(stable.report)),
        };
        let info = Xen::new(hypercalls, release).phys_info().map_err(|e| e.to_string())?;
        Ok(Hypervisor::Known { release: release.to_string(), hvm: info.capabilities.hvm(), hap: info.capabilities.hap() })
    }

    /// What that means for us.
    pub fn findings(&self) -> Vec<Finding> {
        match self {
            Hypervisor::Silent(why) => vec![finding("xen release", State::Missing, why, "see what is missing above")],
            Hypervisor::Unknown(report) => {
                vec![finding("xen release", State::Missing, report, "install a Xenith that knows this Xen")]
            }
            Hypervisor::Known { release, hvm, hap } => vec![
                ok(format!("xen release {release}")),
                capability("hvm", *hvm, "Xen cannot run PVH domains", "switch on virtualization (VT-x, AMD-V) in the firmware"),
                capability("hap", *hap, "no hardware-assisted paging", "use a machine with EPT or NPT; under QEMU add +npt to -cpu"),
            ],
        }
    }
}

fn capability(name: &str, there: bool, detail: &str, advice: &str) -> Finding {
    if there { ok(name) } else { finding(name, State::Missing, detail, advice) }
}
