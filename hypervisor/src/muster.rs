//! No guest begins before every partition is in its memory, as it was built.
//!
//! Partitions load in parallel, each on its own first CPU. What is damaged is found there, so those CPUs
//! wait for each other once, at boot: either every partition begins, or the board does not. Whoever gets the
//! console begins last, when EL2 has said of all others that they begin.

use crate::console;
use crate::panic::stop_the_board;
use crate::partition::Partition;
use crate::pause;
use crate::system::System;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Milliseconds that the slowest partition may take to load.
const PATIENCE: u64 = 60_000;

static READY: AtomicUsize = AtomicUsize::new(0);
static TOLD: AtomicUsize = AtomicUsize::new(0);

/// The first CPU of `partition` has loaded it, or has found its image damaged. Whether it may begin.
pub(crate) fn join(system: &System, partition: &Partition, is_sound: bool) -> bool {
    if are_all(system, &READY) {
        return is_sound;
    }
    if !is_sound {
        log::error!("not booted: {}: its image is damaged", partition.name);
        stop_the_board();
    }
    READY.fetch_add(1, Ordering::AcqRel);
    if !wait_for_all(system, &READY) {
        log::error!("not booted: {} waits for a partition that does not load", partition.name);
        stop_the_board();
    }
    true
}

/// It was said of a partition that it begins. Its heir has the console, once it was said of all.
pub(crate) fn tell(system: &System, partition: &Partition) {
    if are_all(system, &TOLD) {
        return;
    }
    TOLD.fetch_add(1, Ordering::AcqRel);
    if usize::try_from(system.plan.board.heir) == Ok(partition.index) {
        wait_for_all(system, &TOLD);
        console::hand_over(partition);
    }
}

/// One partition less to wait for.
pub(crate) fn excuse() {
    READY.fetch_add(1, Ordering::AcqRel);
    TOLD.fetch_add(1, Ordering::AcqRel);
}

fn are_all(system: &System, there: &AtomicUsize) -> bool {
    there.load(Ordering::Acquire) >= system.partitions.len()
}

#[inline(never)]
fn wait_for_all(system: &System, there: &AtomicUsize) -> bool {
    pause::until(PATIENCE, || are_all(system, there))
}
