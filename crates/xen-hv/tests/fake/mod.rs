//! A Xen of a few lines: answers each hypercall with a function, the entries of a multicall one by one.

use std::sync::Arc;

use xen_abi::hypercall::{MULTICALL, multicall};
use xen_abi::{Call, Errno};
use xen_hv::{Hypercalls, SeamError};

/// What a call is answered with.
pub type Answer = Result<i64, Errno>;

/// A Xen of a few lines.
pub struct Fake<F>(pub F);

impl<F: Fn(&mut Call) -> Answer + Send + Sync> Hypercalls for Fake<F> {
    fn issue(&self, call: &mut Call) -> Result<i64, SeamError> {
        if call.number == MULTICALL {
            for (index, mut entry) in multicall::entries(call).unwrap().into_iter().enumerate() {
                let value = (self.0)(&mut entry.call).unwrap_or_else(|errno| -i64::from(errno.0));
                entry.answer(call, index, value).unwrap();
            }
            return Ok(0);
        }
        (self.0)(call).map_err(|errno| SeamError::Refused { what: call.name, errno })
    }
}

/// The same, shared.
pub fn fake(answer: impl Fn(&mut Call) -> Answer + Send + Sync + 'static) -> Arc<dyn Hypercalls> {
    Arc::new(Fake(answer))
}
