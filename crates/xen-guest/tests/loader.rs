//! Kernels good and bad: what is found in them, and what is said of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{ALL_FORMATS, BASE, NotesIn, TestKernel, body, bzimage, bzimage_of, note, pack, pack_xz};
use proptest::prelude::*;
use xen_guest::cache::Cache;
use xen_guest::loader::decompress::{Format, Limits, decompress};
use xen_guest::loader::kernel::inspect;
use xen_guest::loader::notes::XenNotes;
use xen_guest::loader::{Loader, bzimage as bz};

fn entry(value: u64) -> Vec<u8> {
    note("Xen", 18, &value.to_le_bytes())
}

#[test]
fn a_kernel_tells_its_ranges_and_entry() {
    for wide in [false, true] {
        for notes_in in [NotesIn::Segment, NotesIn::Section] {
            let kernel = TestKernel {
                wide,
                notes_in,
                segments: vec![(BASE, body(5000), 0x2000), (BASE + 0x8000, vec![], 0x1000), (BASE + 0x4000, body(10), 10), (0, vec![], 0)],
                ..TestKernel::default()
            };
            let info = inspect(kernel.elf().as_slice()).unwrap();
            assert_eq!(u64::from(info.entry), BASE + 16);
            assert_eq!((info.start(), info.end()), (BASE, BASE + 0x9000));
            assert_eq!(info.segments.len(), 3, "a segment without memory is none");
            assert_eq!(info.segments[0].memory_bytes, 0x2000);
        }
    }
}

#[test]
fn notes_are_read_as_xens_builders_read_them() {
    let base = BASE as u32 + 16;
    let short = note("Xen", 18, &base.to_le_bytes());
    let linux = note("Xen", 6, b"linux\0");
    let features = |text: &str| note("Xen", 10, text.as_bytes());
    type Case = (&'static str, Vec<Vec<u8>>, Result<bool, &'static str>);
    let cases: Vec<Case> = vec![
        ("entry of 4 bytes", vec![short.clone()], Ok(false)),
        ("entry of 8 bytes", vec![entry(BASE + 16)], Ok(false)),
        ("among others", vec![note("GNU", 3, &[1, 2, 3]), note("Xen", 2, &[0; 8]), short.clone()], Ok(false)),
        ("an old Linux", vec![linux.clone(), short.clone()], Ok(true)),
        ("a new Linux", vec![linux, short.clone(), note("Xen", 17, &(1u64 << 15).to_le_bytes())], Ok(true)),
        ("features", vec![short.clone(), features("!writable_page_tables|pae_pgdir_above_4gb")], Ok(false)),
        ("dom0 supported", vec![short.clone(), features("dom0")], Ok(false)),
        ("dom0 required", vec![short.clone(), features("!dom0")], Err("requires the feature dom0")),
        ("unknown required", vec![short.clone(), features("!time_travel")], Err("requires the feature time_travel")),
        ("no entry", vec![note("Xen", 2, &[0; 8])], Err("no PVH entry note")),
        ("other owner", vec![note("Xem", 18, &base.to_le_bytes())], Err("no PVH entry note")),
        ("entry of 3 bytes", vec![note("Xen", 18, &[1, 2, 3])], Err("notes are corrupt")),
        ("overlong note", vec![vec![4, 0, 0, 0, 255, 255, 255, 255, 18, 0, 0, 0, b'X', b'e', b'n', 0]], Err("notes are corrupt")),
        ("entry outside", vec![entry(BASE + 0x6_0000)], Err("lies outside")),
        ("entry above 4 GiB", vec![entry((1 << 32) + BASE)], Err("lies outside")),
    ];
    for (name, notes, expected) in cases {
        let kernel = TestKernel { notes: notes.concat(), ..TestKernel::default() };
        match (inspect(kernel.elf().as_slice()), expected) {
            (Ok(info), Ok(low)) => assert_eq!(info.wants_low_rsdp, low, "{name}"),
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{name}: {error}"),
            (found, expected) => panic!("{name}: {found:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn sections_count_only_without_xen_notes_in_segments() {
    let kernel = TestKernel { notes_in: NotesIn::Nowhere, ..TestKernel::default() };
    let error = inspect(kernel.elf().as_slice()).unwrap_err();
    assert!(error.to_string().contains("no PVH entry note"), "{error}");
}

#[test]
fn damaged_elf_headers_are_told_apart() {
    let good = TestKernel::default().elf();
    let patch = |at: usize, bytes: &[u8]| {
        let mut image = good.clone();
        image[at..at + bytes.len()].copy_from_slice(bytes);
        image
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "truncated ELF image: the file header"),
        ("half a header", good[..40].to_vec(), "truncated ELF image: the file header"),
        ("cut in the tables", good[..100].to_vec(), "truncated ELF image: the program header table"),
        ("cut in a segment", good[..1000].to_vec(), "truncated ELF image: a loadable segment"),
        ("big-endian", patch(5, &[2]), "big-endian"),
        ("another class", patch(4, &[3]), "corrupt ELF image: class 3"),
        ("for ARM", patch(18, &[183, 0]), "machine 183"),
        ("an object file", patch(16, &[1, 0]), "no executable"),
        ("many headers", patch(56, &[255, 255]), "corrupt ELF image: the program header table"),
        ("small headers", patch(54, &[8, 0]), "corrupt ELF image: the program header table"),
        ("no headers", patch(56, &[0, 0]), "no segment to load"),
        ("more in the file than in memory", patch(64 + 40, &[1, 0, 0, 0, 0, 0, 0, 0]), "corrupt ELF image: a segment"),
        ("above 4 GiB", patch(64 + 24, &[0, 0, 0, 0, 1]), "above 4 GiB"),
        ("past the end of numbers", patch(64 + 24, &[255; 8]), "above 4 GiB"),
        ("offset past the end", patch(64 + 8, &[255; 8]), "truncated ELF image: a loadable segment"),
    ];
    for (name, image, expected) in cases {
        let error = inspect(image.as_slice()).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn every_compression_comes_out_as_it_went_in() {
    let kernel = TestKernel::default().elf();
    for format in ALL_FORMATS {
        let image = bzimage(format, &kernel);
        assert!(bz::is_bzimage(&image));
        let payload = &image[bz::payload(&image).unwrap()];
        assert_eq!(Format::of(payload), Some(format));
        let mut out = Vec::new();
        let bytes = decompress(format, payload, &Limits::default(), &mut out).unwrap();
        assert_eq!(bytes, kernel.len() as u64, "{format}");
        assert!(out == kernel, "{format}");
    }
}

fn unpack(format: Format, payload: &[u8], limits: &Limits) -> Result<u64, String> {
    decompress(format, payload, limits, &mut Vec::new()).map_err(|error| error.to_string())
}

#[test]
fn a_stream_cut_anywhere_is_an_error() {
    let kernel = TestKernel::default().elf();
    for format in ALL_FORMATS {
        let packed = pack(format, &kernel);
        for part in 1..20 {
            let cut = packed.len() * part / 20;
            let error = unpack(format, &packed[..cut], &Limits::default()).unwrap_err();
            let expected = ["truncated", "corrupt"].iter().any(|word| error.starts_with(word));
            assert!(expected && error.contains(&format.to_string()), "{format} at {cut}: {error}");
        }
        let error = unpack(format, &packed[..packed.len() / 2], &Limits::default()).unwrap_err();
        assert!(error.starts_with("truncated"), "{format} in half: {error}");
    }
}

#[test]
fn a_damaged_stream_is_an_error() {
    let kernel = TestKernel::default().elf();
    for format in ALL_FORMATS {
        let mut packed = pack(format, &kernel);
        packed.extend_from_slice(&(kernel.len() as u32).to_le_bytes());
        let middle = packed.len() / 2;
        packed[middle..middle + 64].fill(0xa5);
        let error = unpack(format, &packed, &Limits::default()).unwrap_err();
        assert!(error.starts_with("corrupt") || error.starts_with("truncated"), "{format}: {error}");
    }
}

#[test]
fn the_size_behind_the_stream_must_agree() {
    let kernel = TestKernel::default().elf();
    for format in ALL_FORMATS {
        let mut packed = pack(format, &kernel);
        packed.extend_from_slice(&(kernel.len() as u32 + 1).to_le_bytes());
        let error = unpack(format, &packed, &Limits::default()).unwrap_err();
        assert!(error.starts_with("corrupt"), "{format}: {error}");
    }
}

#[test]
fn bombs_end_at_the_bound() {
    let limits = Limits { output_bytes: 1 << 20, ..Limits::default() };
    for format in ALL_FORMATS {
        let bomb = pack(format, &vec![0; 24 << 20]);
        let error = unpack(format, &bomb, &limits).unwrap_err();
        assert!(error.contains("more than 1048576 bytes"), "{format}: {error}");
    }
}

#[test]
fn windows_are_refused_before_they_are_allocated() {
    let limits = Limits { window_bytes: 64 << 10, ..Limits::default() };
    let kernel = TestKernel::default().elf();
    for (format, packed) in
        [(Format::Xz, pack_xz(&kernel, 1 << 20)), (Format::Lzma, pack(Format::Lzma, &kernel)), (Format::Zstd, pack(Format::Zstd, &kernel))]
    {
        let error = unpack(format, &packed, &limits).unwrap_err();
        assert!(error.contains("needs a window of"), "{format}: {error}");
    }
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn the_loader_opens_all_kinds_and_names_what_is_wrong() {
    let dir = temp();
    let cache = Cache::open(&dir.path().join("cache"), 64 << 20).unwrap();
    let limits = Limits { output_bytes: 16 << 20, ..Limits::default() };
    let loader = Loader::new(Some(cache), limits);
    let kernel = TestKernel::default().elf();
    let noteless = TestKernel { notes_in: NotesIn::Nowhere, ..TestKernel::default() }.elf();
    let good = bzimage(Format::Xz, &kernel);
    let mut old = good.clone();
    old[0x206..0x208].copy_from_slice(&[7, 2]);
    let mut cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("elf", kernel.clone(), ""),
        ("elf.gz", pack(Format::Gzip, &kernel), ""),
        ("noteless", noteless.clone(), "no PVH entry note"),
        ("noteless-bz", bzimage(Format::Zstd, &noteless), "no PVH entry note"),
        ("text", b"#!/bin/sh\n".to_vec(), "not a kernel: it begins with 23 21"),
        ("empty", vec![], "the file is empty"),
        ("cut-header", good[..0x210].to_vec(), "truncated bzImage: the file ends within its setup header"),
        ("cut-payload", good[..good.len() / 2].to_vec(), "truncated bzImage: its compressed kernel ends"),
        ("lzo", bzimage_of(b"\x89LZO\0\r\n\x1a\n"), "unknown compression: the bzImage's payload begins with 89 4c"),
        ("no-payload", bzimage_of(b""), "corrupt bzImage"),
        ("old", old, "boot protocol 2.07"),
        ("bomb", bzimage(Format::Gzip, &vec![0; 32 << 20]), "more than 16777216 bytes"),
        ("packed text", bzimage(Format::Gzip, b"no kernel is in here"), "unsuitable ELF image"),
    ];
    for format in ALL_FORMATS {
        cases.push(("bz", bzimage(format, &kernel), ""));
    }
    for (name, bytes, expected) in cases {
        let path = dir.path().join("kernel");
        fs::write(&path, &bytes).unwrap();
        for attempt in ["cold", "warm"] {
            match loader.kernel(&path) {
                Ok(image) => {
                    assert_eq!(expected, "", "{name} {attempt}");
                    let mut head = [0; 4];
                    image.read_exact_at(0, &mut head).unwrap();
                    assert_eq!(&head, b"\x7fELF");
                }
                Err(error) => {
                    let error = error.to_string();
                    assert!(!expected.is_empty() && error.contains(expected), "{name} {attempt}: {error}");
                    assert!(error.starts_with(&format!("kernel {}: ", path.display())), "{error}");
                }
            }
        }
    }
}

#[test]
fn paths_that_are_no_files_are_refused_at_once() {
    let dir = temp();
    let pipe = dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    let loader = Loader::default();
    let missing = dir.path().join("missing");
    for (path, expected) in [
        (&missing, "no such file"),
        (&dir.path().to_owned(), "not a regular file"),
        (&pipe, "not a regular file"),
        (&PathBuf::from("/dev/null"), "not a regular file"),
    ] {
        for error in [loader.kernel(path).unwrap_err(), loader.initrd(path).unwrap_err()] {
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Any damage to an ELF image ends in an answer, never in a panic.
    #[test]
    fn damaged_elf_images_never_panic(wide: bool, sections: bool, at in 0usize..700, bytes in prop::collection::vec(any::<u8>(), 1..16), cut in 0usize..1200) {
        let notes_in = if sections { NotesIn::Section } else { NotesIn::Segment };
        let kernel = TestKernel { wide, notes_in, segments: vec![(BASE, body(200), 0x1000)], ..TestKernel::default() };
        let mut image = kernel.elf();
        let at = at.min(image.len() - 1);
        let end = (at + bytes.len()).min(image.len());
        image[at..end].copy_from_slice(&bytes[..end - at]);
        image.truncate(image.len().min(cut.max(1)));
        if let Ok(info) = inspect(image.as_slice()) {
            prop_assert!(info.end() <= 1 << 32);
            prop_assert!((info.start()..info.end()).contains(&u64::from(info.entry)));
        }
    }

    /// Any bytes as notes.
    #[test]
    fn any_notes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut notes = XenNotes::default();
        notes.absorb(&bytes);
        let _ = notes.pvh_entry();
    }

    /// Any bytes as a setup header.
    #[test]
    fn any_setup_header_never_panics(bytes in prop::collection::vec(any::<u8>(), 0x1f1..0x260)) {
        let mut image = bytes;
        image.resize(0x260, 0);
        image[0x206..0x208].copy_from_slice(&[15, 2]);
        if let Ok(payload) = bz::payload(&image) {
            prop_assert!(payload.end <= image.len());
        }
    }

    /// Any damage to a compressed stream ends within the bound.
    #[test]
    fn damaged_streams_never_panic(format in prop::sample::select(ALL_FORMATS.to_vec()), at in 0.0..1.0f64, bytes in prop::collection::vec(any::<u8>(), 1..8)) {
        let limits = Limits { output_bytes: 1 << 20, window_bytes: 8 << 20 };
        let mut packed = pack(format, &body(4000));
        let at = ((packed.len() - 1) as f64 * at) as usize;
        let end = (at + bytes.len()).min(packed.len());
        packed[at..end].copy_from_slice(&bytes[..end - at]);
        if let Ok(out) = unpack(format, &packed, &limits) {
            prop_assert!(out <= 1 << 20);
        }
    }
}
