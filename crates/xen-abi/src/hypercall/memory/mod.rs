//! Memory of domains (public/memory.h): the operation in the first word, the address of its argument in the second.

pub mod maximum_gpfn;
pub mod physmap;
pub mod pod_target;
pub mod reservation;
pub mod set_memory_map;

use crate::call::{Arg, Call, Direction};
use crate::hypercall::{MEMORY_OP, name};
use crate::record::constants;

constants! {
    /// The operations that we speak.
    OPERATIONS: u32 {
        /// [`reservation`].
        DECREASE_RESERVATION = XENMEM_decrease_reservation, 1;
        /// [`reservation`].
        POPULATE_PHYSMAP = XENMEM_populate_physmap, 6;
        /// [`physmap`].
        ADD_TO_PHYSMAP = XENMEM_add_to_physmap, 7;
        /// [`set_memory_map`].
        SET_MEMORY_MAP = XENMEM_set_memory_map, 13;
        /// [`maximum_gpfn`].
        MAXIMUM_GPFN = XENMEM_maximum_gpfn, 14;
        /// [`physmap`].
        REMOVE_FROM_PHYSMAP = XENMEM_remove_from_physmap, 15;
        /// [`pod_target`].
        SET_POD_TARGET = XENMEM_set_pod_target, 16;
        /// [`pod_target`].
        GET_POD_TARGET = XENMEM_get_pod_target, 17;
        /// [`reservation`].
        CLAIM_PAGES = XENMEM_claim_pages, 24;
    }
}

fn call(command: u32, direction: Direction, argument: Vec<u8>) -> Call {
    Call::new(name::of(MEMORY_OP, command), MEMORY_OP).arg(0, Arg::Word(command.into())).arg(1, Arg::Address(0)).buffer(direction, argument)
}
