//! Opening what a config names, with every unusable file told at once.

use xen_guest::loader::bzimage::BzImageError;
use xen_guest::loader::decompress::DecompressError;
use xen_guest::loader::elf::ElfError;
use xen_guest::loader::kernel::KernelError;
use xen_guest::loader::notes::NoteError;
use xen_guest::loader::open::OpenError;
use xen_guest::loader::{self, LoadError, Loader, Role};
use xenith_api::latest::{Code, Complaint, DomainConfig, Problem};

use crate::check;
use crate::world::Images;

/// Opens kernel and initrd.
pub(super) fn images(loader: &Loader, config: &DomainConfig) -> Result<Images, Problem> {
    let kernel = loader.kernel(config.boot.kernel.as_ref());
    let initrd = config.boot.initrd.as_ref().map(|path| loader.initrd(path.as_ref())).transpose();
    match (kernel, initrd) {
        (Ok(kernel), Ok(initrd)) => Ok(Images { kernel, initrd }),
        (kernel, initrd) => Err(problem(&config.name, [kernel.err(), initrd.err()].into_iter().flatten().collect())),
    }
}

fn problem(name: &str, errors: Vec<LoadError>) -> Problem {
    let complaints: Vec<Complaint> = errors.iter().map(complaint).collect();
    match (errors.as_slice(), complaints.as_slice()) {
        ([error], [complaint]) => {
            let subject = error.path.display().to_string();
            Problem { complaints: vec![complaint.clone()], ..Problem::new(complaint.code, subject, error.to_string(), ADVICE) }
        }
        _ => check::problem(name, complaints).unwrap_or_else(|| Problem::new(Code::Internal, name, "no file failed", ADVICE)),
    }
}

const ADVICE: &str = "correct the named file, or name another";

fn complaint(error: &LoadError) -> Complaint {
    let key = match error.role {
        Role::Kernel => "boot.kernel",
        Role::Initrd => "boot.initrd",
    };
    Complaint::new(code(&error.problem), key, error.problem.to_string()).value(&error.path.display().to_string())
}

fn code(problem: &loader::Problem) -> Code {
    match problem {
        loader::Problem::Open(OpenError::TooLarge { .. }) => Code::KernelTooLarge,
        loader::Problem::Open(_) => Code::FileUnreadable,
        loader::Problem::NotAKernel { .. } | loader::Problem::UnknownCompression { .. } => Code::KernelUnknownFormat,
        loader::Problem::BzImage(BzImageError::Truncated { .. } | BzImageError::TruncatedHeader { .. }) => Code::KernelTruncated,
        loader::Problem::BzImage(BzImageError::TooOld { .. }) => Code::KernelUnsuitable,
        loader::Problem::BzImage(BzImageError::Corrupt { .. }) => Code::KernelCorrupt,
        loader::Problem::Decompress(error) => decompress_code(error),
        loader::Problem::Kernel(KernelError::Elf(error)) => elf_code(error),
        loader::Problem::Kernel(KernelError::Note(error)) => note_code(error),
    }
}

fn decompress_code(error: &DecompressError) -> Code {
    match error {
        DecompressError::Truncated { .. } => Code::KernelTruncated,
        DecompressError::Corrupt { .. } => Code::KernelCorrupt,
        DecompressError::Bomb { .. } | DecompressError::Window { .. } => Code::KernelTooLarge,
        DecompressError::Output(_) => Code::Internal,
    }
}

fn elf_code(error: &ElfError) -> Code {
    match error {
        ElfError::Truncated { .. } => Code::KernelTruncated,
        ElfError::Corrupt(_) => Code::KernelCorrupt,
        ElfError::Unsuitable(_) => Code::KernelUnsuitable,
        ElfError::Read(_) => Code::FileUnreadable,
    }
}

fn note_code(error: &NoteError) -> Code {
    match error {
        NoteError::NoEntry => Code::KernelNoPvhNote,
        NoteError::Corrupt | NoteError::EntryOutside { .. } => Code::KernelCorrupt,
        NoteError::Requires { .. } => Code::KernelUnsuitable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xen_guest::loader::decompress::Limits;

    fn load(kernel: &str, initrd: Option<&str>) -> Problem {
        let config = format!(r#"{{"name":"web","memory":"64MiB","boot":{{"kernel":"{kernel}"}}}}"#);
        let mut config: DomainConfig = serde_json::from_str(&config).expect("a config");
        config.boot.initrd = initrd.map(ToOwned::to_owned);
        images(&Loader::new(None, Limits::default()), &config).expect_err("unusable")
    }

    #[test]
    fn one_file_gives_its_own_code_and_two_are_told_together() {
        let dir = tempfile::tempdir().expect("a directory");
        let text = dir.path().join("text");
        std::fs::write(&text, "no kernel at all").expect("writes");
        let (text, gone) = (text.display().to_string(), dir.path().join("gone").display().to_string());
        let one = load(&text, None);
        assert_eq!((one.code, one.subject.as_str()), (Code::KernelUnknownFormat, text.as_str()));
        assert_eq!(load(&gone, None).code, Code::FileUnreadable);
        let two = load(&text, Some(&gone));
        let codes: Vec<Code> = two.complaints.iter().map(|complaint| complaint.code).collect();
        assert_eq!((two.code, codes), (Code::ConfigInvalid, vec![Code::KernelUnknownFormat, Code::FileUnreadable]));
    }
}
