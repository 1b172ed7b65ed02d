//! The system calls that serving needs. Any other answers EPERM: a store that stumbles over one goes on, an intruder finds nothing.

use std::collections::BTreeMap;

use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule};

use super::ConfineError;

/// Allowed whatever the arguments: moving bytes over open descriptors, waiting, memory, time, the end.
const FREE: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fallocate,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_yield,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
];

/// The bits of a request's number that name its driver (asm-generic/ioctl.h).
const DRIVER: u64 = 0xff00;
/// Drivers that may be asked: evtchn.h has 'E', gntdev.h has 'G'. privcmd's is 'P'.
const DRIVERS: [u8; 2] = [b'E', b'G'];

/// Puts the filter before the calling thread, for good.
pub(super) fn apply() -> Result<(), ConfineError> {
    let program = program().map_err(|error| ConfineError::Filter(error.to_string()))?;
    seccompiler::apply_filter(&program).map_err(|error| ConfineError::Filter(error.to_string()))
}

fn program() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = FREE.iter().map(|number| (*number, Vec::new())).collect();
    rules.insert(libc::SYS_ioctl, device_requests()?);
    rules.insert(libc::SYS_mmap, vec![no_code()?]);
    rules.insert(libc::SYS_mprotect, vec![no_code()?]);
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// Requests to the drivers that the store uses, and FIONBIO.
fn device_requests() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let driver = |letter: u8| rule(1, MaskedEq(DRIVER), u64::from(letter) << 8);
    let mut rules = DRIVERS.into_iter().map(driver).collect::<Result<Vec<_>, _>>()?;
    rules.push(rule(1, Eq, libc::FIONBIO)?);
    Ok(rules)
}

/// Memory that is not to be run.
fn no_code() -> Result<SeccompRule, seccompiler::BackendError> {
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    SeccompRule::new(vec![SeccompCondition::new(2, Qword, MaskedEq(executable), 0)?])
}

fn rule(argument: u8, operator: seccompiler::SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, Dword, operator, value)?])
}
