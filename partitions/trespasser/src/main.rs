//! Reaches for what is not its own.
//!
//! Each address in the boot argument `probe=ADDRESS[,ADDRESS…]` is read, written and jumped to; then the low
//! 2 GiB are swept for anything else that answers. What a partition does not own must answer like an address
//! with nothing behind it: by a synchronous external abort. On the bare machine, without a hypervisor, some
//! do succeed; that is what this guest is there to show.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod attempt;
mod tally;

use attempt::Access;
use guest_rt::{Machine, machine, println};
use tally::Tally;

guest_rt::entry!(main);

/// What is swept: an address in each block that the hypervisor could have mapped, of the low 2 GiB.
const SWEPT: u64 = 0x8000_0000;
const STEP: usize = 0x20_0000;

/// Most lines about a sweep.
const MOST_LINES: u64 = 8;

fn main(machine: &'static Machine) {
    let named = probe(machine);
    let swept = sweep(machine);
    println!("trespasser: sweep of 0x0..={:#x}: {swept}", SWEPT - 1);
    println!("trespasser: {}", named + swept);
    println!("trespasser: done");
}

/// Tries everything with each address of the boot arguments.
fn probe(machine: &Machine) -> Tally {
    let mut tally = Tally::default();
    let addresses = machine.argument("probe").into_iter().flat_map(|list| list.split(','));
    for address in addresses.map(address) {
        for access in [Access::Read, Access::Write, Access::Jump] {
            let outcome = access.attempt(address);
            println!("trespasser: {access} {address:#x}: {outcome}");
            tally.add(&outcome);
        }
    }
    tally
}

/// Reads and writes what is neither RAM nor a device of this machine; reports what is not refused.
fn sweep(machine: &Machine) -> Tally {
    let mut tally = Tally::default();
    for address in (0..SWEPT).step_by(STEP).filter(|address| !machine.owns(*address)) {
        for access in [Access::Read, Access::Write] {
            let outcome = access.attempt(address);
            tally.add(&outcome);
            if !outcome.is_refusal() && tally.not_refused() <= MOST_LINES {
                println!("trespasser: {access} {address:#x}: {outcome}");
            }
        }
    }
    tally
}

/// The address that `text` writes.
fn address(text: &str) -> u64 {
    match machine::parse(text) {
        Some(address) if address % 8 == 0 => address,
        _ => panic!("boot argument probe: expected multiples of 8, like 0x40000000, found {text}"),
    }
}
