//! What it boots: paths that mean the same for the daemon as for the caller, and a command line that fits a C string.

use xenith_api::latest::{Code, Complaint, DomainConfig};

use super::complaint;

/// The longest command line, in bytes. Linux reads 2048 of them (`COMMAND_LINE_SIZE`, x86); other kernels may read more.
pub const CMDLINE_BYTES_MAX: usize = 4095;

/// `PATH_MAX` of Linux with its final zero.
const PATH_BYTES_MAX: usize = 4095;

pub(super) fn check(config: &DomainConfig) -> Vec<Complaint> {
    let boot = &config.boot;
    let kernel = path("boot.kernel", &boot.kernel);
    let initrd = boot.initrd.as_ref().and_then(|initrd| path("boot.initrd", initrd));
    [kernel, initrd, cmdline(&boot.cmdline)].into_iter().flatten().collect()
}

fn path(key: &str, path: &str) -> Option<Complaint> {
    let fault = if !path.starts_with('/') {
        "not an absolute path; begin it with /"
    } else if path.contains('\0') {
        "a path cannot hold a zero byte"
    } else if path.len() > PATH_BYTES_MAX {
        "longer than a path can be"
    } else {
        return None;
    };
    Some(complaint(Code::ConfigBadValue, key, path, fault))
}

fn cmdline(cmdline: &str) -> Option<Complaint> {
    let key = "boot.cmdline";
    if cmdline.contains('\0') {
        return Some(complaint(Code::ConfigBadValue, key, cmdline, "a command line cannot hold a zero byte"));
    }
    let bytes = cmdline.len();
    let long = bytes > CMDLINE_BYTES_MAX;
    long.then(|| complaint(Code::ConfigOutOfRange, key, cmdline, format!("{bytes} bytes are more than {CMDLINE_BYTES_MAX}")))
}
