//! Long work that gives way to whoever asks for something short meanwhile.

use std::{panic, thread};

/// Weighs a third of what others do (sched(7), "The nice value"): where somebody wants to run all the time it still has a quarter of the processor,
/// where nobody does all of it.
const NICE: i32 = 5;

/// Does the work in a thread of its own, and waits for it: a thread that has become nice stays so without a capability.
pub(super) fn aside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // Linux takes no process for the calling thread (setpriority(2)). Without the right priority the work is done all the same.
            let _ = rustix::process::setpriority_process(None, NICE);
            work()
        });
        worker.join().unwrap_or_else(|cause| panic::resume_unwind(cause))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[test]
    fn only_the_work_is_nice() {
        let before = getpriority_process(None).unwrap();
        assert_eq!(aside(|| getpriority_process(None).unwrap()), NICE.max(before));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
