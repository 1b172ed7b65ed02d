//! What loading leaves in memory that was full of something else.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use common::{BASE, TestKernel, body};
use xen_abi::{DomId, Gfn, Release};
use xen_guest::loader::kernel::{Initrd, KernelImage};
use xen_guest::pvh::build::{Contents, load};
use xen_guest::pvh::layout::{Layout, Request};
use xen_guest::pvh::start_info;
use xen_hv::{Access, ForeignMemory, MapError, Resource, SharedPages};

const DIRT: u8 = 0xa5;

type Pages = Arc<Mutex<BTreeMap<u64, Vec<u8>>>>;

/// Memory of which every byte is dirt at first.
#[derive(Clone, Default)]
struct Dirty {
    pages: Pages,
    maps: Arc<Mutex<Vec<usize>>>,
}

impl Dirty {
    fn read(&self, start: u64, bytes: usize) -> Vec<u8> {
        let pages = self.pages.lock().unwrap();
        let first = start >> 12;
        let last = (start + bytes as u64).div_ceil(4096);
        let dirt = vec![DIRT; 4096];
        let all: Vec<u8> = (first..last).flat_map(|gfn| pages.get(&gfn).unwrap_or(&dirt)).copied().collect();
        all[(start & 4095) as usize..][..bytes].to_vec()
    }
}

impl ForeignMemory for Dirty {
    fn map(&self, _: DomId, frames: &[Gfn], _: Access) -> Result<Box<dyn SharedPages>, MapError> {
        self.maps.lock().unwrap().push(frames.len());
        Ok(Box::new(Mapped { pages: self.pages.clone(), frames: frames.to_vec() }))
    }

    fn map_resource(&self, _: DomId, _: Resource, _: u64, _: usize) -> Result<Box<dyn SharedPages>, MapError> {
        unreachable!("loading maps no resource")
    }
}

struct Mapped {
    pages: Pages,
    frames: Vec<Gfn>,
}

impl SharedPages for Mapped {
    fn len(&self) -> usize {
        self.frames.len() * 4096
    }
    fn read(&self, _: usize, _: &mut [u8]) -> io::Result<()> {
        unreachable!("loading reads nothing")
    }
    fn write(&self, offset: usize, from: &[u8]) -> io::Result<()> {
        if offset + from.len() > self.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut pages = self.pages.lock().unwrap();
        let mut at = offset;
        let mut rest = from;
        while !rest.is_empty() {
            let page = pages.entry(self.frames[at / 4096].0).or_insert_with(|| vec![DIRT; 4096]);
            let (now, later) = rest.split_at(rest.len().min(4096 - at % 4096));
            page[at % 4096..at % 4096 + now.len()].copy_from_slice(now);
            at += now.len();
            rest = later;
        }
        Ok(())
    }
    fn zero(&self, offset: usize, length: usize) -> io::Result<()> {
        self.write(offset, &vec![0; length])
    }
    fn load_u32(&self, _: usize) -> io::Result<u32> {
        unreachable!("loading reads nothing")
    }
    fn store_u32(&self, _: usize, _: u32) -> io::Result<()> {
        unreachable!("loading copies bytes")
    }
    fn barrier(&self) {}
}

#[test]
fn every_byte_is_the_one_that_belongs_there() {
    // Longer than one mapping: a hole in the file, with marks at its ends and where the second mapping begins.
    const INITRD: u64 = (256 << 20) + 54_321;
    let marks = [0, (255 << 20) + 7, INITRD - 300_000].map(|at| (at, body(300_000)));
    // The second segment lies in memory that the first one has beyond its bytes.
    let kernel = TestKernel {
        segments: vec![(BASE + 3, body(70_000), 200_000), (BASE + 0x18000, body(99), 5000), (BASE + 0x40000, vec![], 3)],
        ..TestKernel::default()
    };
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(files.path().join(name), bytes).unwrap();
        File::open(files.path().join(name)).unwrap()
    };
    for release in [Release::V4_20, Release::V4_21] {
        let image = KernelImage::from_file(file("kernel", &kernel.elf())).unwrap();
        let initrd = File::options().write(true).read(true).create(true).truncate(true).open(files.path().join("initrd")).unwrap();
        initrd.set_len(INITRD).unwrap();
        marks.iter().for_each(|(at, bytes)| initrd.write_all_at(bytes, *at).unwrap());
        let module = Initrd::from_file(initrd).unwrap();
        let (info, initrd_bytes) = (image.info(), Some(module.bytes()));
        let request = Request { kernel: info, initrd_bytes, cmdline: "quiet", memory_bytes: 300 << 20, vcpus: 2, release };
        let layout = Layout::plan(&request).unwrap();
        let memory = Dirty::default();
        let contents = Contents { kernel: &image, initrd: Some(&module), cmdline: "quiet", release };
        load(&memory, DomId(7), &layout, &contents).unwrap();

        let mut expected = vec![0; 200_000];
        expected[..70_000].copy_from_slice(&body(70_000));
        let second = 0x18000 - 3;
        expected[second..second + 99].copy_from_slice(&body(99));
        assert!(memory.read(BASE + 3, 200_000) == expected, "kernel");
        assert_eq!(memory.read(BASE + 0x40000, 4), [0, 0, 0, DIRT], "memory without bytes, and not one more");
        for (at, bytes) in &marks {
            assert!(memory.read(layout.initrd.unwrap().start + at, bytes.len()) == *bytes, "initrd at {at}");
        }
        assert_eq!(memory.read(layout.initrd.unwrap().start + INITRD, 1), [DIRT], "and not one more");
        let record = start_info::encode(&layout, "quiet").unwrap();
        assert_eq!(memory.read(layout.start_info.start, record.len()), record);
        assert_eq!(memory.read(layout.acpi.address, layout.acpi.bytes.len()), layout.acpi.bytes);
        assert!(memory.read(0xfeff_c000, 4096).iter().all(|byte| *byte == 0), "xenstore ring");
        let table = memory.read(0xfeff_e000, 4096);
        assert_eq!((&table[..4], &table[4092..]), (&[0xe7, 0, 0, 0][..], &[0xe7, 0, 0xc0, 0xff][..]), "identity page table");
        let mut console = vec![0; 4096];
        console[3088] = u8::from(release >= Release::V4_21);
        assert!(memory.read(0xfeff_f000, 4096) == console, "console ring");

        let maps = memory.maps.lock().unwrap().clone();
        assert_eq!(maps.len(), 2, "256 MiB a time");
        assert_eq!(maps[0], 65536);
        let touched = memory.pages.lock().unwrap().len();
        assert_eq!(maps.iter().sum::<usize>(), touched, "nothing is mapped twice or for nothing");
    }
}
