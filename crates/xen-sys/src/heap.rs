//! The heap of a process that lives long: what it needed for a moment goes back to the system.

#![allow(unsafe_code)]

/// From this size on a piece of memory is a mapping of its own: glibc's size at the start of a process.
#[cfg(target_env = "gnu")]
const OWN_MAPPING_BYTES: libc::c_int = 128 << 10;
/// How many heaps the threads have.
#[cfg(target_env = "gnu")]
const HEAPS: libc::c_int = 1;

/// Keeps the heap small: one for all threads, and no large piece in it. To be called before the first thread starts.
///
/// glibc raises the size from which a piece is a mapping of its own to that of the largest that was given back, up to 32 MiB (`mallopt(3)`,
/// `M_MMAP_THRESHOLD`): the second unpacking of a kernel would take its 20 MiB from the heap, which keeps them. And it gives threads heaps of their
/// own, up to eight for each processor (`M_ARENA_MAX`), of which each keeps what its threads once needed. Other allocators do no such thing.
pub fn keep_heap_small() {
    #[cfg(target_env = "gnu")]
    for (what, value) in [(libc::M_MMAP_THRESHOLD, OWN_MAPPING_BYTES), (libc::M_ARENA_MAX, HEAPS)] {
        // SAFETY: mallopt takes two numbers, locks the allocator's state for itself, and a value that it does not take changes nothing.
        unsafe {
            libc::mallopt(what, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the process holds, in pages (`/proc/self/statm`).
    fn resident() -> u64 {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn what_was_needed_for_a_moment_is_not_kept() {
        const BYTES: usize = 24 << 20;
        keep_heap_small();
        let before = resident();
        for round in 0..3_u8 {
            let piece = vec![round + 1; BYTES];
            assert_eq!(std::hint::black_box(&piece).last(), Some(&(round + 1)));
        }
        let kept = resident().saturating_sub(before) * 4096;
        assert!(kept < BYTES as u64 / 2, "{kept} bytes are kept of {BYTES}");
    }
}
