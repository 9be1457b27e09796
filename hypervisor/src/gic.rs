//! The physical GICv3: what EL2 does with it itself.
//!
//! GICv3 §12. The distributor is set up once at boot from the plan and never locked afterwards, for every
//! later write touches bits of one partition only. Group 0 stays off: with one Security state it is not
//! enabled, with two it is EL3's and EL2 never touches a register of it.

mod distributor;
mod interface;
mod redistributor;
mod translator;

pub(crate) use distributor::Distributor;
pub(crate) use interface::{
    active_priorities, close as close_interface, may_sleep, preemption_bits, reset as reset_interface, send,
    set_active_priorities,
};
pub(crate) use redistributor::Redistributor;
pub(crate) use translator::silence as silence_translator;

/// How often to look at a bit that hardware is about to change.
const PATIENCE: u32 = 1_000_000;

/// Waits until `done` holds; false if it never does.
fn wait(mut done: impl FnMut() -> bool) -> bool {
    (0..PATIENCE).any(|_| {
        core::hint::spin_loop();
        done()
    })
}
