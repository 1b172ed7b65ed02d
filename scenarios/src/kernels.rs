//! Kernels made on the spot: the smallest that runs, and every way to spoil one.

use std::io::Write;

use anyhow::Result;

/// How a bzImage's payload is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz with the x86 filter, as Linux packs it.
    Xz,
    /// The older LZMA container.
    Lzma,
    /// LZ4 in its legacy frame.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Packing {
    /// All of them.
    pub const ALL: [Packing; 6] = [Packing::Gzip, Packing::Bzip2, Packing::Xz, Packing::Lzma, Packing::Lz4, Packing::Zstd];

    /// Packs bytes.
    pub fn pack(self, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(match self {
            Packing::Gzip => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gzip.write_all(bytes)?;
                gzip.finish()?
            }
            Packing::Bzip2 => {
                let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                bzip2.write_all(bytes)?;
                bzip2.finish()?
            }
            Packing::Xz => {
                let mut options = lzma_rust2::XzOptions::with_preset(0);
                options.set_check_sum_type(lzma_rust2::CheckType::Crc32);
                options.prepend_pre_filter(lzma_rust2::FilterType::BcjX86, 0);
                let mut xz = lzma_rust2::XzWriter::new(Vec::new(), options)?;
                xz.write_all(bytes)?;
                xz.finish()?
            }
            Packing::Lzma => {
                let options = lzma_rust2::LzmaOptions::with_preset(0);
                let mut lzma = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None)?;
                lzma.write_all(bytes)?;
                lzma.finish()?
            }
            Packing::Lz4 => {
                let mut out = 0x184c_2102u32.to_le_bytes().to_vec();
                for block in bytes.chunks(8 << 20) {
                    let packed = lz4_flex::block::compress(block);
                    out.extend(u32::try_from(packed.len())?.to_le_bytes());
                    out.extend(packed);
                }
                out
            }
            Packing::Zstd => ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest),
        })
    }
}

/// The smallest guest: an ELF file whose only instruction stops the vcpu.
#[must_use]
pub fn halting() -> Vec<u8> {
    lab::image::tiny_guest()
}

/// A guest that runs without end.
#[must_use]
pub fn busy() -> Vec<u8> {
    lab::image::tiny_guest_of(&[0xeb, 0xfe])
}

/// A guest that ends itself with this reason (public/sched.h) by `SCHEDOP_shutdown`, with AMD's instruction for it, which is what the lab emulates.
/// Where it goes on all the same, it runs without end.
#[must_use]
pub fn ending(reason: u32) -> Vec<u8> {
    const SCHED_OP: u32 = 29;
    const SCHEDOP_SHUTDOWN: u32 = 2;
    const CODE_BYTES: u32 = 20;
    let mut code = vec![0xb8];
    code.extend(SCHED_OP.to_le_bytes());
    code.push(0xbb);
    code.extend(SCHEDOP_SHUTDOWN.to_le_bytes());
    code.push(0xb9);
    code.extend((lab::image::TINY_GUEST_ENTRY + CODE_BYTES).to_le_bytes());
    code.extend([0x0f, 0x01, 0xd9]);
    code.extend([0xeb, 0xfe]);
    code.extend(reason.to_le_bytes());
    lab::image::tiny_guest_of(&code)
}

/// The smallest guest without the note that tells its PVH entry.
#[must_use]
pub fn without_note() -> Vec<u8> {
    let mut elf = halting();
    if let Some(at) = elf.windows(4).position(|window| window == b"Xen\0") {
        elf.splice(at..at + 4, *b"Ben\0");
    }
    elf
}

/// A kernel of this many bytes that packs well, but not to nothing.
#[must_use]
pub fn sized(bytes: usize) -> Vec<u8> {
    let mut elf = halting();
    let mut state = 1u32;
    while elf.len() < bytes {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
        let word = (state >> 16) % 61;
        elf.extend_from_slice(&[0xe8, word as u8, 0, 0, 0x90, 0x90, (word * 3) as u8, 0xc3]);
    }
    elf
}

/// A bzImage of protocol 2.15 around a packed payload (Linux, Documentation/arch/x86/boot.rst), with the unpacked size behind it as Linux
/// has it everywhere but in gzip, which brings its own.
pub fn bzimage(packing: Packing, kernel: &[u8]) -> Result<Vec<u8>> {
    let mut payload = packing.pack(kernel)?;
    if packing != Packing::Gzip {
        payload.extend(u32::try_from(kernel.len())?.to_le_bytes());
    }
    bzimage_of(&payload)
}

/// A bzImage around any payload.
pub fn bzimage_of(payload: &[u8]) -> Result<Vec<u8>> {
    const SETUP_SECTORS: u8 = 3;
    const PAYLOAD_OFFSET: u32 = 64;
    let mut out = vec![0; (usize::from(SETUP_SECTORS) + 1) * 512 + PAYLOAD_OFFSET as usize];
    let length = u32::try_from(payload.len())?.to_le_bytes();
    let fields: [(usize, &[u8]); 6] = [
        (0x1f1, &[SETUP_SECTORS]),
        (0x1fe, &[0x55, 0xaa]),
        (0x202, b"HdrS"),
        (0x206, &[0x0f, 0x02]),
        (0x248, &PAYLOAD_OFFSET.to_le_bytes()),
        (0x24c, &length),
    ];
    for (offset, bytes) in fields {
        out.splice(offset..offset + bytes.len(), bytes.iter().copied());
    }
    out.extend(payload);
    Ok(out)
}

/// A Zstandard frame of run-length blocks (RFC 8878, 3.1.1.2): four bytes for every 128 KiB that come out.
#[must_use]
pub fn zstd_bomb(unpacked_mib: u32) -> Vec<u8> {
    const BLOCK_BYTES: u32 = 128 << 10;
    const RUN_LENGTH: u32 = 1;
    // Magic, a descriptor without size or checksum, a window of 8 MiB.
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68];
    let blocks = unpacked_mib * 8;
    for block in 1..=blocks {
        let header = BLOCK_BYTES << 3 | RUN_LENGTH << 1 | u32::from(block == blocks);
        out.extend(header.to_le_bytes().into_iter().take(3));
        out.push(0);
    }
    out
}
