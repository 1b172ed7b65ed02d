use std::sync::{Arc, Mutex};

use super::*;

/// A page that a test's guest holds too.
#[derive(Clone)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn new() -> Page {
        Page(Arc::new(Mutex::new(vec![0; 4096])))
    }

    fn with<T>(&self, offset: usize, length: usize, act: impl FnOnce(&mut [u8]) -> T) -> io::Result<T> {
        let mut bytes = self.0.lock().unwrap();
        let range = bytes.get_mut(offset..offset + length).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(act(range))
    }

    fn set(&self, offset: usize, value: u32) {
        self.store_u32(offset, value).unwrap();
    }

    fn get(&self, offset: usize) -> u32 {
        self.load_u32(offset).unwrap()
    }

    /// The guest writes output from its index on, without looking whether it fits.
    fn say(&self, bytes: &[u8]) {
        let prod = self.get(OUT_PROD);
        for (index, byte) in (0u32..).zip(bytes) {
            self.write(OUT + (prod.wrapping_add(index) % OUT_SIZE) as usize, &[*byte]).unwrap();
        }
        self.set(OUT_PROD, prod.wrapping_add(bytes.len() as u32));
    }

    /// The guest takes all input.
    fn hear(&self) -> Vec<u8> {
        let (cons, prod) = (self.get(IN_CONS), self.get(IN_PROD));
        let heard = (0..prod.wrapping_sub(cons)).map(|index| {
            let mut byte = [0];
            self.read(IN + (cons.wrapping_add(index) % IN_SIZE) as usize, &mut byte).unwrap();
            byte[0]
        });
        let heard = heard.collect();
        self.set(IN_CONS, prod);
        heard
    }

    fn ring(&self) -> ConsoleRing {
        ConsoleRing::new(Box::new(self.clone())).unwrap()
    }
}

impl SharedPages for Page {
    fn len(&self) -> usize {
        4096
    }
    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        self.with(offset, into.len(), |bytes| into.copy_from_slice(bytes))
    }
    fn write(&self, offset: usize, from: &[u8]) -> io::Result<()> {
        self.with(offset, from.len(), |bytes| bytes.copy_from_slice(from))
    }
    fn zero(&self, offset: usize, length: usize) -> io::Result<()> {
        self.with(offset, length, |bytes| bytes.fill(0))
    }
    fn load_u32(&self, offset: usize) -> io::Result<u32> {
        self.with(offset, 4, |bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
    }
    fn store_u32(&self, offset: usize, value: u32) -> io::Result<()> {
        self.write(offset, &value.to_le_bytes())
    }
    fn barrier(&self) {}
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[test]
fn output_is_taken_from_any_index() {
    for start in [0, 1, 2047, 2048, 5000, u32::MAX - 10, u32::MAX] {
        for length in [0, 1, 20, 2047, 2048] {
            let page = Page::new();
            page.set(OUT_PROD, start);
            page.set(OUT_CONS, start);
            let mut ring = page.ring();
            page.say(&text(length));
            let mut seen = [0; OUT_SIZE as usize];
            assert_eq!(ring.peek(&mut seen).unwrap(), length, "{start} {length}");
            assert_eq!(seen[..length], text(length), "{start} {length}");
            assert_eq!(page.get(OUT_CONS), start, "looking takes nothing");
            ring.consume(length as u32).unwrap();
            assert_eq!(page.get(OUT_CONS), start.wrapping_add(length as u32));
            assert_eq!(ring.waiting().unwrap(), 0);
        }
    }
}

#[test]
fn output_is_taken_in_pieces() {
    let page = Page::new();
    page.set(OUT_PROD, 2000);
    page.set(OUT_CONS, 2000);
    let mut ring = page.ring();
    page.say(&text(500));
    let mut seen = Vec::new();
    for piece in [1, 47, 1, 300, 400] {
        let mut bytes = vec![0; piece];
        let length = ring.peek(&mut bytes).unwrap();
        seen.extend_from_slice(&bytes[..length]);
        ring.consume(length as u32).unwrap();
    }
    assert_eq!(seen, text(500));
}

#[test]
fn input_is_put_where_there_is_room() {
    for start in [0, 1000, 1023, u32::MAX - 3] {
        let page = Page::new();
        page.set(IN_PROD, start);
        page.set(IN_CONS, start);
        let mut ring = page.ring();
        assert_eq!(ring.feed(b"root\n").unwrap(), 5, "{start}");
        assert_eq!(ring.feed(&text(3000)).unwrap(), 1019, "{start}");
        assert_eq!(ring.feed(b"x").unwrap(), 0, "{start}");
        assert_eq!(page.hear(), [b"root\n".as_slice(), &text(1019)].concat(), "{start}");
        assert_eq!(ring.room().unwrap(), IN_SIZE, "{start}");
    }
}

/// Index pairs that no honest guest makes: producer far ahead, consumer ahead of the producer.
#[test]
fn hostile_indices_touch_nothing() {
    for apart in [OUT_SIZE + 1, 0x8000_0000, u32::MAX] {
        let page = Page::new();
        let ring = page.ring();
        page.set(OUT_PROD, apart);
        let mut bytes = [0xaa; 16];
        let error = ring.peek(&mut bytes).unwrap_err();
        assert!(matches!(error, RingError::Hostile { ring: "out", .. }), "{error}");
        assert_eq!(bytes, [0xaa; 16]);
    }
    for apart in [IN_SIZE + 1, 0x8000_0000, u32::MAX] {
        let page = Page::new();
        let mut ring = page.ring();
        page.set(IN_CONS, 0u32.wrapping_sub(apart));
        let error = ring.feed(b"x").unwrap_err();
        assert!(matches!(error, RingError::Hostile { ring: "in", .. }), "{error}");
        assert_eq!(page.get(IN_PROD), 0);
    }
}

#[test]
fn whoever_serves_says_so() {
    let page = Page::new();
    page.write(CONNECTION, &[page::DISCONNECTED]).unwrap();
    page.ring();
    let mut byte = [0xff];
    page.read(CONNECTION, &mut byte).unwrap();
    assert_eq!(byte, [page::CONNECTED]);
}

/// The guest overwrites our indices: we go on from our own.
#[test]
fn our_indices_are_not_read_back() {
    let page = Page::new();
    let mut ring = page.ring();
    page.say(b"hello");
    page.set(OUT_CONS, 77_777);
    page.set(IN_PROD, 99_999);
    let mut bytes = [0; 16];
    assert_eq!(ring.peek(&mut bytes).unwrap(), 5);
    ring.consume(5).unwrap();
    assert_eq!(page.get(OUT_CONS), 5);
    assert_eq!(ring.feed(b"k").unwrap(), 1);
    assert_eq!(page.get(IN_PROD), 1);
}

/// Someone else's page length.
#[test]
fn a_short_page_is_refused() {
    struct Short(Page);
    impl SharedPages for Short {
        fn len(&self) -> usize {
            1024
        }
        fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, into)
        }
        fn write(&self, offset: usize, from: &[u8]) -> io::Result<()> {
            self.0.write(offset, from)
        }
        fn zero(&self, offset: usize, length: usize) -> io::Result<()> {
            self.0.zero(offset, length)
        }
        fn load_u32(&self, offset: usize) -> io::Result<u32> {
            self.0.load_u32(offset)
        }
        fn store_u32(&self, offset: usize, value: u32) -> io::Result<()> {
            self.0.store_u32(offset, value)
        }
        fn barrier(&self) {}
    }
    assert!(matches!(ConsoleRing::new(Box::new(Short(Page::new()))), Err(RingError::Pages(_))));
}
