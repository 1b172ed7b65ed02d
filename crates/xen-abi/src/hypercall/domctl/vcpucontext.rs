//! `XEN_DOMCTL_getvcpucontext`: the registers of one vcpu, as core dumps hold them (public/arch-x86/xen.h).

use super::{GETVCPUCONTEXT, Request};
use crate::call::{Call, Direction, Operation, OperationError};
use crate::names::DomId;
use crate::record::record;
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_domctl_vcpucontext", size 16 {
        /// The vcpu.
        VCPU: u32 = "vcpu" @ 0;
        /// Where the context goes.
        CTXT: u64 = "ctxt" @ 8;
    }
}

record! {
    /// The context, as a 64-bit dom0 sees it.
    CONTEXT_RECORD = "struct vcpu_guest_context", size 5168 {
        /// `VGCF_*`.
        FLAGS: u64 = "flags" @ 512;
        /// A register.
        R15: u64 = "user_regs.r15" @ 520;
        /// A register.
        R14: u64 = "user_regs.r14" @ 528;
        /// A register.
        R13: u64 = "user_regs.r13" @ 536;
        /// A register.
        R12: u64 = "user_regs.r12" @ 544;
        /// A register.
        RBP: u64 = "user_regs.rbp" @ 552;
        /// A register.
        RBX: u64 = "user_regs.rbx" @ 560;
        /// A register.
        R11: u64 = "user_regs.r11" @ 568;
        /// A register.
        R10: u64 = "user_regs.r10" @ 576;
        /// A register.
        R9: u64 = "user_regs.r9" @ 584;
        /// A register.
        R8: u64 = "user_regs.r8" @ 592;
        /// A register.
        RAX: u64 = "user_regs.rax" @ 600;
        /// A register.
        RCX: u64 = "user_regs.rcx" @ 608;
        /// A register.
        RDX: u64 = "user_regs.rdx" @ 616;
        /// A register.
        RSI: u64 = "user_regs.rsi" @ 624;
        /// A register.
        RDI: u64 = "user_regs.rdi" @ 632;
        /// Where it was.
        RIP: u64 = "user_regs.rip" @ 648;
        /// Its code segment.
        CS: u16 = "user_regs.cs" @ 656;
        /// Its flags.
        RFLAGS: u64 = "user_regs.rflags" @ 664;
        /// Its stack.
        RSP: u64 = "user_regs.rsp" @ 672;
        /// Its stack segment.
        SS: u16 = "user_regs.ss" @ 680;
        /// A control register.
        CR0: u64 = "ctrlreg[0]" @ 4984;
        /// A control register.
        CR2: u64 = "ctrlreg[2]" @ 5000;
        /// A control register.
        CR3: u64 = "ctrlreg[3]" @ 5008;
        /// A control register.
        CR4: u64 = "ctrlreg[4]" @ 5016;
    }
}

/// Reads the context; ENODATA where the vcpu was never started. Xen pauses the vcpu meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetVcpuContext {
    /// The domain.
    pub domid: DomId,
    /// The vcpu.
    pub vcpu: u32,
}

impl Operation for GetVcpuContext {
    type Reply = Vec<u8>;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let context = CONTEXT_RECORD.zeroed(release)?;
        Request::new(release, GETVCPUCONTEXT, self.domid)?.with(&VCPU, self.vcpu.into())?.call_with(&CTXT, Direction::Out, context)
    }

    fn decode(&self, _: &Release, _: i64, call: &Call) -> Result<Vec<u8>, OperationError> {
        Ok(call.bytes(1).to_vec())
    }
}
