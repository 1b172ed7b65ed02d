//! Hypercalls in a trace.

use std::sync::Arc;

use xen_abi::hypercall::{MULTICALL, multicall, name};
use xen_abi::text::{Image, Rows};
use xen_abi::{Call, Direction};

use super::{Trace, outcome};
use crate::seam::{Hypercalls, SeamError};

/// Hypercalls that are recorded on their way.
pub(super) struct Recorded {
    pub(super) inner: Arc<dyn Hypercalls>,
    pub(super) trace: Trace,
}

impl Hypercalls for Recorded {
    fn issue(&self, call: &mut Call) -> Result<i64, SeamError> {
        self.count(call);
        let before = self.trace.keeps_text().then(|| call.clone());
        let result = self.inner.issue(call);
        if let Some(before) = before {
            self.trace.write(|| format!("{}  = {}\n{}", Image(&before), outcome(&result, i64::to_string), changes(&before, call)));
        }
        result
    }
}

impl Recorded {
    fn count(&self, call: &Call) {
        let entries = match call.number {
            MULTICALL => multicall::entries(call).unwrap_or_default(),
            _ => Vec::new(),
        };
        self.trace.count(|counts| {
            counts.traps += 1;
            match call.number {
                MULTICALL => entries.iter().for_each(|entry| counts.hypercall(entry.call.name)),
                _ => counts.hypercall(name::of_call(call)),
            }
        });
    }
}

/// The buffers that Xen changed, as they are now.
fn changes(before: &Call, after: &Call) -> String {
    let pairs = before.buffers.iter().zip(&after.buffers).enumerate();
    let changed = pairs.filter(|(_, (before, after))| after.direction != Direction::In && before.bytes != after.bytes);
    changed.map(|(index, (_, after))| format!("  @{index} after\n{}", Rows(&after.bytes))).collect()
}
