//! Where an image lives.

/// A fixed range of bytes that outlives whoever writes it: a file in shared memory, or a vector in a test.
///
/// Whoever is killed between two calls leaves everything that was written before, and nothing of what would have come.
pub trait Memory: Send {
    /// Bytes in all. Never changes; most of them may be a hole in a sparse file.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Copies bytes out. Only ranges within [`Memory::len`] are asked for.
    fn read(&self, at: usize, into: &mut [u8]);
    /// Copies bytes in.
    fn write(&mut self, at: usize, from: &[u8]);
    /// Stores an aligned word after everything that was written before.
    fn publish(&mut self, at: usize, value: u32);
    /// Makes sure that the bytes from `at` on can be written, before any of them is. `false` when no memory is left.
    fn reserve(&mut self, at: usize, len: usize) -> bool;
}
