//! What to boot, as a value, and the QEMU arguments it becomes.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the machine keeps time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Two processors on two threads of the host, the host's clock: quickest, and right for a person at a terminal. On a
    /// busy host the guests' clocks run ahead of their instructions, and Linux guests with several vcpus lock up.
    Fast,
    /// Two processors taking turns, one instruction is two nanoseconds, idle time is skipped: a busy host changes how long
    /// it takes and nothing else. What runs without a person runs like this.
    Steady,
    /// The same with one processor: figures repeat.
    Deterministic,
}

impl Mode {
    fn machine(self) -> &'static [&'static str] {
        match self {
            Self::Fast => &["-m", "3G", "-smp", "2", "-accel", "tcg,thread=multi"],
            Self::Steady => &["-m", "3G", "-smp", "2", "-accel", "tcg,thread=single", "-icount", "shift=1,sleep=off"],
            Self::Deterministic => &["-m", "4G", "-smp", "1", "-accel", "tcg,thread=single", "-icount", "shift=1,sleep=off"],
        }
    }

    fn dom0_memory(self) -> &'static str {
        match self {
            Self::Fast | Self::Steady => "1536M",
            Self::Deterministic => "1400M",
        }
    }
}

/// One boot of one hypervisor.
#[derive(Debug, Clone)]
pub struct Boot {
    /// What messages call it: `4.17`, or the path of the image.
    pub name: String,
    /// The hypervisor, not compressed.
    pub hypervisor: PathBuf,
    /// dom0's kernel, an ELF image or a bzImage.
    pub kernel: PathBuf,
    /// dom0's initramfs, whole.
    pub initramfs: PathBuf,
    /// How the machine keeps time.
    pub mode: Mode,
    /// Words added to Xen's command line.
    pub xen_arguments: String,
    /// Words added to dom0's command line.
    pub dom0_arguments: String,
    /// Where every line is written, in order.
    pub log: PathBuf,
    /// How long the machine may run, wall time.
    pub timeout: Duration,
    /// A raw disk that takes the files coming back, if any are wanted.
    pub disk: Option<PathBuf>,
}

impl Boot {
    /// QEMU's arguments. `report` is the socket of the second serial port, which the lab listens on.
    ///
    /// `+npt` because current Xen builds have no shadow paging; `+rdrand` because without it Linux waits two minutes for
    /// randomness, and `-seed` so that it gets the same each time; `bootscrub=0` because scrubbing touches all of the
    /// machine's memory and the host then has to provide it.
    pub(crate) fn arguments(&self, report: &Path) -> Vec<String> {
        let xen = format!("console=com1 dom0_mem={} bootscrub=0 {}", self.mode.dom0_memory(), self.xen_arguments);
        let modules = format!("{} console=hvc0 quiet {},{}", self.kernel.display(), self.dom0_arguments, self.initramfs.display());
        let mut arguments: Vec<String> = ["-cpu", "qemu64,+svm,+npt,+rdrand"].map(str::to_owned).into();
        arguments.extend(self.mode.machine().iter().map(|&word| word.to_owned()));
        arguments.extend(["-display", "none", "-nic", "none", "-monitor", "none", "-no-reboot", "-serial", "stdio"].map(str::to_owned));
        arguments.extend(["-chardev".to_owned(), format!("socket,id=report,path={}", report.display())]);
        arguments.extend(["-serial", "chardev:report", "-kernel"].map(str::to_owned));
        arguments.extend([self.hypervisor.display().to_string(), "-append".to_owned(), xen, "-initrd".to_owned(), modules]);
        if let Some(disk) = &self.disk {
            arguments.extend(["-drive".to_owned(), format!("file={},format=raw,if=virtio", disk.display())]);
        }
        arguments
    }
}
