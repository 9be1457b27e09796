//! No guest begins before every partition is in its memory, as it was built.
//!
//! Partitions load in parallel, each on its own first CPU. What is damaged is found there, so those CPUs
//! wait for each other once, at boot: either every partition begins, or the board does not.

use crate::panic::stop_the_board;
use crate::partition::Partition;
use crate::pause;
use crate::system::System;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Milliseconds that the slowest partition may take to load.
const PATIENCE: u64 = 60_000;

static READY: AtomicUsize = AtomicUsize::new(0);

/// The first CPU of `partition` has loaded it, or has found its image damaged. Whether it may begin.
pub(crate) fn join(system: &System, partition: &Partition, is_sound: bool) -> bool {
    let all_are_ready = || READY.load(Ordering::Acquire) >= system.partitions.len();
    if all_are_ready() {
        return is_sound;
    }
    if !is_sound {
        log::error!("not booted: {}: its image is damaged", partition.name);
        stop_the_board();
    }
    excuse();
    if !pause::until(PATIENCE, all_are_ready) {
        log::error!("not booted: {} waits for a partition that does not load", partition.name);
        stop_the_board();
    }
    true
}

/// One partition less to wait for.
pub(crate) fn excuse() {
    READY.fetch_add(1, Ordering::AcqRel);
}
