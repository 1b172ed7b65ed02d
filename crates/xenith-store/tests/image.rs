//! A process that is killed with SIGKILL while it writes leaves a store in its file in which nothing is missing that it told anybody.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use xen_store::image::{Image, ImageError};
use xen_store::path::StorePath;
use xen_store::quota::Quota;
use xen_store::server::Server;
use xenith_store::ImageFile;

/// Says to this test's own program that it is the one to be killed, and where the image is.
const VICTIM: &str = "XENITH_TEST_IMAGE_VICTIM";
const SIZE: u64 = 1 << 30;
const BOOT: [u8; 16] = [1; 16];

fn memory(path: &Path) -> Box<ImageFile> {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let pages = xen_sys::map_file(&file, 0, SIZE as usize).unwrap();
    Box::new(ImageFile::new(Arc::new(file.into()), pages))
}

fn node(number: usize) -> StorePath {
    StorePath::parse(&format!("/a/{}/{number}", number % 7)).unwrap()
}

/// Writes nodes for ever, and says of each that it is there once it is published.
fn write_until_killed(path: &Path) {
    let mut server = Server::recover(Image::open(memory(path), BOOT).unwrap()).unwrap();
    let first = (0..).find(|number| server.tree().node(&node(*number)).is_none()).unwrap();
    let mut out = std::io::stdout().lock();
    for number in first.. {
        server.seed(&node(number), number.to_string().as_bytes());
        server.commit();
        writeln!(out, "node {number}").unwrap();
    }
}

#[test]
fn nothing_that_was_told_is_missing_after_sigkill() {
    if let Some(path) = std::env::var_os(VICTIM) {
        return write_until_killed(path.as_ref());
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    File::create_new(&path).unwrap().set_len(SIZE).unwrap();
    Server::new(Quota::default()).keep(Image::format(memory(&path), BOOT).unwrap());
    let mut told = 0;
    for round in 1..=20 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let words = ["--exact", "nothing_that_was_told_is_missing_after_sigkill", "--nocapture"];
        let mut victim = command.args(words).env(VICTIM, &path).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut numbers = lines.filter_map(|line| line.rsplit_once("node ")?.1.parse::<usize>().ok());
        told = numbers.by_ref().nth(10 * round).expect("the victim writes");
        victim.kill().unwrap();
        victim.wait().unwrap();
        // What it said while it was being killed counts as well; the last line may be cut short.
        let rest: Vec<usize> = numbers.collect();
        told = rest.iter().rev().nth(1).copied().unwrap_or(told);
        let server = Server::recover(Image::open(memory(&path), BOOT).unwrap()).unwrap();
        for number in 0..=told {
            let found = server.tree().node(&node(number)).map(|node| node.value().to_vec());
            assert_eq!(found, Some(number.to_string().into_bytes()), "round {round}: node {number} of {told}");
        }
    }
    assert!(told > 2000, "{told} nodes are too few to tell");
}

#[test]
fn an_image_that_cannot_grow_says_so_and_is_not_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    // Room for the header and four blocks.
    let size = 9 * 64 * 1024;
    let file = File::create_new(&path).unwrap();
    file.set_len(size).unwrap();
    let open = || {
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let pages = xen_sys::map_file(&file, 0, size as usize).unwrap();
        Box::new(ImageFile::new(Arc::new(file.into()), pages))
    };
    let mut server = Server::new(Quota::default());
    server.keep(Image::format(open(), BOOT).unwrap());
    assert!(!server.is_spoilt());
    for number in 0..2000 {
        server.seed(&node(number), &[b'v'; 100]);
        server.commit();
    }
    assert!(server.is_spoilt());
    assert!(matches!(Image::open(open(), BOOT), Err(ImageError::Spoilt)));
}
