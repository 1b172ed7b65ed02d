//! Core dumps and crash reports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Host, json_of};
use serde_json::{Value, json};
use xen_abi::hypercall::sched::ShutdownReason;
use xen_abi::{DomId, Gfn, Release};
use xen_hv::{Access, ForeignMemory};
use xenith_control::{Control, ControlConfig};

const RELEASES: [Release; 4] = [Release::V4_14, Release::V4_17, Release::V4_20, Release::V4_22];

/// Sections by name: offset and length.
fn section(file: &[u8], wanted: &str) -> Vec<u8> {
    let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let half = |at: usize| u16::from_le_bytes(file[at..at + 2].try_into().unwrap()) as usize;
    let (table, count, names) = (word(40), half(60), half(62));
    let names = word(table + names * 64 + 24);
    let name_of = |index: usize| {
        let name = names + u32::from_le_bytes(file[table + index * 64..][..4].try_into().unwrap()) as usize;
        file[name..].split(|byte| *byte == 0).next().unwrap().to_vec()
    };
    let index = (0..count).find(|index| name_of(*index) == wanted.as_bytes()).expect(wanted);
    let (offset, length) = (word(table + index * 64 + 24), word(table + index * 64 + 32));
    file[offset..offset + length].to_vec()
}

fn memory(host: &Host, domid: DomId, frame: u64) -> Option<Vec<u8>> {
    let handle = host.machine.process(DomId::DOM0, "test").unwrap();
    let page = ForeignMemory::map(&handle, domid, &[Gfn(frame)], Access::Read).ok()?;
    let mut bytes = vec![0; 4096];
    page.read(0, &mut bytes).unwrap();
    Some(bytes)
}

#[tokio::test]
async fn a_dump_holds_every_page_and_the_domain_goes_on() {
    for release in RELEASES {
        let host = Host::new(release);
        let control = host.start();
        let created = json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
        let domid = DomId(created["domain"]["domid"].as_u64().unwrap() as u16);
        let before = host.everything();
        let dumped = json_of(&control, "POST", "/v1/domains/web/dump-core?wait=60", None, 200).await;
        assert_eq!(host.everything(), before, "{release}: it goes on as it was");
        let file = std::fs::read(dumped["path"].as_str().unwrap()).unwrap();
        assert_eq!(dumped["bytes"], json!(file.len()));
        let (frames, pages) = (section(&file, ".xen_pfn"), section(&file, ".xen_pages"));
        let frames: Vec<u64> = frames.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
        assert!(frames.is_sorted() && frames.len() >= 4096, "{release}: {} frames", frames.len());
        for (frame, page) in frames.iter().zip(pages.chunks(4096)) {
            assert_eq!(memory(&host, domid, *frame).as_deref(), Some(page), "{release}: frame {frame:#x}");
        }
        // The kernel lies at one megabyte, and its entry is in the registers.
        let kernel = frames.iter().position(|frame| *frame == 0x100).unwrap();
        assert_ne!(pages[kernel * 4096..][..16], [0; 16]);
        let registers = section(&file, ".xen_prstatus");
        assert_eq!(registers.len(), 5168);
        assert_ne!(registers[648..656], [0; 8], "{release}");
        use std::os::unix::fs::MetadataExt;
        let held = std::fs::metadata(dumped["path"].as_str().unwrap()).unwrap();
        assert!(held.blocks() * 512 < held.len() / 4, "{release}: zeroes take no room: {} of {}", held.blocks() * 512, held.len());
        assert_eq!(held.mode() & 0o777, 0o600);
    }
}

fn with_limit(host: &Host, bytes: u64) -> std::sync::Arc<Control> {
    std::sync::Arc::new(Control::start(ControlConfig { dump_limit_bytes: bytes, ..host.config() }).unwrap())
}

fn files(host: &Host) -> usize {
    std::fs::read_dir(host.dir.path().join("run/state/dumps")).map(Iterator::count).unwrap_or(0)
}

#[tokio::test]
async fn a_dump_that_fails_leaves_no_file_and_a_domain_that_runs() {
    let host = Host::new(Release::V4_20);
    let control = with_limit(&host, 4096);
    json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
    let before = host.everything();
    let problem = json_of(&control, "POST", "/v1/domains/web/dump-core?wait=60", None, 507).await;
    assert_eq!(problem["code"], "dump-failed");
    assert_eq!((host.everything(), files(&host)), (before.clone(), 0));
    for (path, why) in
        [("relative", "absolute"), ("/tmp/x.part", ".part"), ("/etc/passwd", "something"), ("/no/such/dir/x", "No such file")]
    {
        let problem = json_of(&control, "POST", "/v1/domains/web/dump-core?wait=60", Some(json!({ "path": path })), 422).await;
        assert_eq!(problem["code"], "dump-path-invalid");
        assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
        assert_eq!(host.everything(), before);
    }
    json_of(&control, "POST", "/v1/domains/nobody/dump-core", None, 404).await;
    json_of(&control, "POST", "/v1/domains/0/dump-core", None, 409).await;
    // What the config wants is done all the same.
    host.stop(host.domids()[0], ShutdownReason::Crash);
    assert_eq!(control.observe().unwrap(), None);
    assert!(host.domids().is_empty());
}

#[tokio::test]
async fn a_crash_is_reported_once() {
    let host = Host::new(Release::V4_17);
    let control = host.start();
    let mut request = host.create_request("web");
    request["config"]["on"]["crash"] = json!("preserve");
    json_of(&control, "POST", "/v1/domains", Some(request), 201).await;
    let domid = host.domids()[0];
    host.stop(domid, ShutdownReason::Crash);
    control.observe().unwrap();
    drop(control);
    let control = host.start();
    control.observe().unwrap();
    let crashes = json_of(&control, "GET", "/v1/crashes", None, 200).await;
    assert_eq!(crashes.as_array().unwrap().len(), 1);
    let report = json_of(&control, "GET", &format!("/v1/crashes/{}", crashes[0]["id"].as_str().unwrap()), None, 200).await;
    assert_eq!((&report["name"], &report["reason"], &report["domid"]), (&json!("web"), &json!("crash"), &json!(domid.0)));
    let rip = report["vcpus"][0]["registers"]["rip"].as_str().unwrap();
    assert_ne!(u64::from_str_radix(rip.trim_start_matches("0x"), 16).unwrap(), 0);
    json_of(&control, "GET", "/v1/crashes/nothing", None, 404).await;
    let core = json_of(&control, "POST", "/v1/domains/web/dump-core?wait=60", None, 200).await;
    assert!(core["pages"].as_u64() >= Some(4096), "a domain that stopped can be dumped");
    let _: Value = core;
}
