//! libxl's record of a domain: `/var/lib/xen/userdata-d.DOMID.UUID.libxl-json` (libxl_dom.c, `libxl__userdata_path`), JSON of a
//! `libxl_domain_config` (libxl_types.idl), where a field that has its default is left out.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use uuid::Uuid;
use xenith_api::latest::problem::shorten;
use xenith_api::latest::{Action, Boot, DomainConfig, DomainType, On, Start};

/// The largest record that is read, in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The config that would make the same domain again.
    pub(crate) config: DomainConfig,
    /// What of it is another thing with us, a word each: `on_crash: coredump_destroy`.
    pub(crate) lost: Vec<String>,
}

/// Where the record of a domain lies.
pub(crate) fn path(dir: &Path, domid: u16, uuid: Uuid) -> PathBuf {
    dir.join(format!("userdata-d.{domid}.{uuid}.libxl-json"))
}

/// Reads the record of a domain; none where there is none, and why where a domain like this cannot be made by us.
pub(crate) fn read(dir: &Path, domid: u16, uuid: Uuid) -> Option<Result<Record, String>> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path(dir, domid, uuid)).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(format!("libxl's record cannot be read: {error}"))),
        Ok(_) => Some(parse(&bytes)),
    }
}

/// Removes what libxl keeps of a domain that is gone.
pub(crate) fn remove(dir: &Path, domid: u16, uuid: Uuid) {
    let of_domain = format!(".{domid}.{uuid}.");
    for entry in fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Its lock belongs to whoever holds it.
        if name.starts_with("userdata-") && name.contains(&of_domain) && !name.ends_with("domain-userdata-lock") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Record, String> {
    // libxl writes the text with its final zero (seen with 4.17.5).
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let all: Value = serde_json::from_slice(bytes).map_err(|error| format!("libxl's record makes no sense: {error}"))?;
    let (made, built) = (field(&all, "c_info"), field(&all, "b_info"));
    let kind = text(made, "type").or_else(|| text(built, "type")).unwrap_or_default();
    if kind != "pvh" {
        return Err(format!("it is a domain of type {}, and only pvh can be made", shorten(&kind)));
    }
    if let Some(bootloader) = text(built, "bootloader") {
        return Err(format!("its kernel comes from the bootloader {}, which is not run", shorten(&bootloader)));
    }
    let mut lost = Vec::new();
    if let Some((name, _)) = all.as_object().into_iter().flatten().find(|(_, value)| value.as_array().is_some_and(|list| !list.is_empty()))
    {
        return Err(format!("it has {}, which cannot be made yet", shorten(name)));
    }
    let memory_kib = number(built, "max_memkb").ok_or("its memory is not told")?;
    if number(built, "target_memkb").is_some_and(|target| target != memory_kib) {
        lost.push("its memory target".to_owned());
    }
    let vcpus = number(built, "max_vcpus").and_then(|vcpus| u32::try_from(vcpus).ok()).unwrap_or(1);
    if field(built, "avail_vcpus").as_array().is_some_and(|online| online.len() != vcpus as usize) {
        lost.push("vcpus that are offline".to_owned());
    }
    let boot = Boot {
        kernel: text(built, "kernel").ok_or("its kernel is not told")?,
        initrd: text(built, "ramdisk"),
        cmdline: text(built, "cmdline").unwrap_or_default(),
    };
    let on = On {
        poweroff: action(&all, "on_poweroff", Action::Destroy, &mut lost),
        reboot: action(&all, "on_reboot", Action::Destroy, &mut lost),
        crash: action(&all, "on_crash", Action::Destroy, &mut lost),
        watchdog: action(&all, "on_watchdog", Action::Destroy, &mut lost),
        soft_reset: action(&all, "on_soft_reset", Action::SoftReset, &mut lost),
    };
    let name = text(made, "name").ok_or("it has no name")?;
    let uuid = text(made, "uuid").and_then(|uuid| Uuid::try_parse(&uuid).ok());
    Ok(Record { config: DomainConfig { name, uuid, kind: DomainType::Pvh, vcpus, memory_kib, boot, on, start: Start::default() }, lost })
}

/// A field; null where it does not stand there.
fn field<'v>(of: &'v Value, name: &str) -> &'v Value {
    of.get(name).unwrap_or(&Value::Null)
}

/// A field that stands there and is not empty.
fn text(of: &Value, name: &str) -> Option<String> {
    field(of, name).as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn number(of: &Value, name: &str) -> Option<u64> {
    field(of, name).as_u64()
}

/// `libxl_action_on_shutdown`; what is left out is its default. A word that we do not know becomes the action that keeps most.
fn action(all: &Value, name: &str, default: Action, lost: &mut Vec<String>) -> Action {
    let Some(written) = field(all, name).as_str() else { return default };
    match written {
        "destroy" => Action::Destroy,
        "restart" => Action::Restart,
        "restart_rename" => Action::RenameRestart,
        "preserve" => Action::Preserve,
        "coredump_destroy" => Action::CoredumpDestroy,
        "coredump_restart" => Action::CoredumpRestart,
        "soft_reset" => Action::SoftReset,
        _ => {
            lost.push(format!("{name}: {}", shorten(written)));
            Action::Preserve
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const C_INFO: &str =
        r#""c_info":{"type":"pvh","name":"web","uuid":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55","run_hotplug_scripts":"True"}"#;
    const B_INFO: &str = r#""max_vcpus":2,"avail_vcpus":[0,1],"max_memkb":65536,"target_memkb":65536,"shadow_memkb":2048,"kernel":"/k","cmdline":"a b","ramdisk":"/i","sched_params":{},"type.pvh":{}"#;

    fn record(b_info: &str, rest: &str) -> Result<Record, String> {
        parse(format!("{{{C_INFO},\"b_info\":{{{b_info}}}{rest}}}\n\0").as_bytes())
    }

    #[test]
    fn a_record_is_the_config_of_the_same_domain() {
        let read = record(B_INFO, r#","on_reboot":"restart","on_crash":"preserve""#).expect("a record");
        let expected = r#"{"name":"web","uuid":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55","vcpus":2,"memory":"64MiB",
            "boot":{"kernel":"/k","initrd":"/i","cmdline":"a b"},"on":{"poweroff":"destroy","reboot":"restart","crash":"preserve"}}"#;
        assert_eq!((read.config, read.lost), (serde_json::from_str(expected).expect("a config"), Vec::new()));
    }

    #[test]
    fn what_is_another_thing_with_us_is_told() {
        let built = B_INFO.replace("\"target_memkb\":65536", "\"target_memkb\":32768").replace("[0,1]", "[0]");
        let read =
            record(&built, r#","on_reboot":"restart_rename","on_crash":"coredump_restart","on_watchdog":"explode""#).expect("a record");
        let on = &read.config.on;
        assert_eq!((on.reboot, on.crash, on.watchdog), (Action::RenameRestart, Action::CoredumpRestart, Action::Preserve));
        let lost = ["its memory target", "vcpus that are offline", "on_watchdog: explode"];
        assert_eq!(read.lost, lost);
    }

    #[test]
    fn what_we_cannot_make_is_refused() {
        for (built, rest, why) in [
            (B_INFO, r#","disks":[{"vdev":"xvda"}]"#, "it has disks"),
            (B_INFO, r#","nics":[{"mac":"00:16:3e:00:00:01"}]"#, "it has nics"),
            (&B_INFO.replace("\"kernel\":\"/k\",", ""), "", "its kernel is not told"),
            (&B_INFO.replace("\"kernel\":\"/k\"", "\"bootloader\":\"pygrub\""), "", "its kernel comes from the bootloader pygrub"),
            ("", "", "its memory is not told"),
        ] {
            let refused = record(built, rest).expect_err(why);
            assert!(refused.starts_with(why), "{refused}");
        }
        assert!(record(B_INFO, r#","disks":[]"#).is_ok());
        let hvm = format!(r#"{{{},"b_info":{{{B_INFO}}}}}"#, C_INFO.replace("pvh", "hvm"));
        assert!(parse(hvm.as_bytes()).is_err() && parse(b"{").is_err() && parse(b"[]").is_err() && parse(b"7").is_err());
    }

    #[test]
    fn files_of_one_domain() {
        let dir = tempfile::tempdir().expect("a directory");
        let uuid = Uuid::from_u128(7);
        assert_eq!(read(dir.path(), 5, uuid), None);
        let place = path(dir.path(), 5, uuid);
        let kept = [path(dir.path(), 6, uuid), dir.path().join(format!("userdata-l.5.{uuid}.domain-userdata-lock"))];
        for path in kept.iter().chain([&place, &dir.path().join(format!("userdata-d.5.{uuid}.xl"))]) {
            fs::write(path, "{").expect("written");
        }
        assert!(read(dir.path(), 5, uuid).is_some_and(|read| read.is_err()));
        remove(dir.path(), 5, uuid);
        let mut left: Vec<PathBuf> = fs::read_dir(dir.path()).expect("reads").map(|entry| entry.expect("an entry").path()).collect();
        left.sort();
        assert_eq!(left, kept);
    }
}
