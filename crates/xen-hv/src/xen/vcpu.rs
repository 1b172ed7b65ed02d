//! A domain's CPUs.

use xen_abi::hypercall::cpu_policy::CpuPolicy;
use xen_abi::hypercall::domctl::hvmcontext::{GetHvmContext, GetHvmContextPartial, GetHvmContextSize, SetHvmContext};
use xen_abi::hypercall::domctl::policy::{GetCpuPolicy, SetCpuPolicy};
use xen_abi::hypercall::domctl::tsc_info::{SetTscInfo, TscMode};
use xen_abi::hypercall::domctl::vcpucontext::GetVcpuContext;
use xen_abi::hypercall::sysctl::cpu_policy::{GetSystemPolicy, SystemPolicy};
use xen_abi::{DomId, Errno};

use super::Xen;
use crate::error::Error;

/// Room for the context of a domain with a few vcpus: about 4 KiB each with wide vector registers.
const FIRST_CONTEXT_CAPACITY: usize = 16 << 10;

impl Xen {
    /// One of Xen's own CPU policies.
    pub fn system_cpu_policy(&self, policy: SystemPolicy) -> Result<CpuPolicy, Error> {
        self.call(None, &GetSystemPolicy { policy })
    }

    /// A domain's CPU policy.
    pub fn cpu_policy(&self, domid: DomId) -> Result<CpuPolicy, Error> {
        self.on(domid, &GetCpuPolicy { domid })
    }

    /// Changes leaves and MSRs of a domain's CPU policy before it first runs; those not given stay. The error names the leaf that Xen refuses.
    pub fn set_cpu_policy(&self, domid: DomId, policy: &CpuPolicy) -> Result<(), Error> {
        self.on(domid, &SetCpuPolicy { domid, policy: policy.clone() })
    }

    /// Sets who answers a domain's `rdtsc`.
    pub fn set_tsc_mode(&self, domid: DomId, mode: TscMode) -> Result<(), Error> {
        self.on(domid, &SetTscInfo { domid, mode })
    }

    /// The registers of one vcpu as `struct vcpu_guest_context`; none where it was never started.
    pub fn vcpu_context(&self, domid: DomId, vcpu: u32) -> Result<Option<Vec<u8>>, Error> {
        match self.on(domid, &GetVcpuContext { domid, vcpu }) {
            Err(error) if error.errno() == Some(Errno::ENODATA) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// The state of a domain's vcpus and devices as HVM save records. One call where 16 KiB hold it, otherwise three.
    pub fn hvm_context(&self, domid: DomId) -> Result<Vec<u8>, Error> {
        match self.on(domid, &GetHvmContext { domid, capacity: FIRST_CONTEXT_CAPACITY }) {
            Err(error) if error.errno() == Some(Errno::ENOSPC) => {
                let capacity = self.on(domid, &GetHvmContextSize { domid })?;
                self.on(domid, &GetHvmContext { domid, capacity })
            }
            answer => answer,
        }
    }

    /// One HVM save record without its descriptor, with room for `capacity` bytes.
    pub fn hvm_context_record(&self, domid: DomId, kind: u32, instance: u32, capacity: usize) -> Result<Vec<u8>, Error> {
        self.on(domid, &GetHvmContextPartial { domid, kind, instance, capacity })
    }

    /// Writes HVM save records: a header, any others, an end.
    pub fn set_hvm_context(&self, domid: DomId, context: &[u8]) -> Result<(), Error> {
        self.on(domid, &SetHvmContext { domid, context: context.to_vec() })
    }
}
