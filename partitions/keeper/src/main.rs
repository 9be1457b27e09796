//! Shows that whatever EL2 answers, it changes no register of the guest but those that it has to.
//!
//! Every kind of instruction that EL2 answers is executed with every register as its operand, while all registers hold
//! values that occur nowhere else. Needs two CPUs, of which it uses one, and the SPI [`board::SPI`]. With a GICv2 one
//! of them has to be the GIC's CPU 0: it has sent the SGI of which the zero register is the number.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod board;
mod interface;
mod kinds;
mod place;
mod raw;
mod state;
mod table;
mod taking;
mod trial;

use board::Board;
use guest_rt::{Machine, println};
use state::TURNS;
use table::INSTRUCTIONS;
use trial::{Pace, Trial};

guest_rt::entry!(main);

/// Failures that are told: where one register fails, all do.
const TOLD: u64 = 20;

fn main(machine: &'static Machine) {
    let board = Board::open(machine);
    let (mut checks, mut failures) = (0, 0);
    for instruction in (0..INSTRUCTIONS.len()).filter(|number| INSTRUCTIONS[*number].is_for(&board)) {
        for (turn, pace) in (0..TURNS).flat_map(|turn| [(turn, Pace::Run), (turn, Pace::Step)]) {
            checks += 1;
            let trial = Trial { instruction, turn, pace, number: checks };
            let outcome = trial.run(&board);
            failures += u64::from(!outcome.is_right());
            if !outcome.is_right() && failures <= TOLD {
                println!("keeper: {trial}:{outcome}");
            }
        }
    }
    println!("keeper: {checks} checks, {failures} failed");
}
