//! Attacks everything that is not its own, and knows what must come of it.
//!
//! Each family of attacks is a table of operations, forms and targets with the outcome that the
//! specification gives each, and ends in a line that counts the distinct attacks and those that ended as they
//! must. Boot arguments: `targets=NAME:ADDRESS[,…]` and those that the families name, `seed=N` for what is
//! random (1 if not given), and `families=NAME[,…]` for some families only.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod attack;
mod calls;
mod console;
mod encoding;
mod extensions;
mod features;
mod frames;
mod interface;
mod lifecycle;
mod maintenance;
mod memory;
mod outcome;
mod plain;
mod power;
mod random;
mod sgi;
mod system;
mod tally;
mod target;

use guest_rt::{Machine, println};
use random::Random;
use tally::Tally;
use target::Targets;

guest_rt::entry!(main);

/// A family of attacks.
type Family = fn(&'static Machine, &Targets, &mut Random) -> Tally;

/// All families, in their order: what may leave traces in the intruder itself comes last.
const FAMILIES: &[(&str, Family)] = &[
    ("memory", memory::attack),
    ("system", system::attack),
    ("extensions", extensions::attack),
    ("calls", calls::attack),
    ("power", power::attack),
    ("frames", frames::attack),
    ("sgi", sgi::attack),
    ("maintenance", maintenance::attack),
    ("console", console::attack),
];

fn main(machine: &'static Machine) {
    attack::enable_vectors();
    if lifecycle::is_first(machine) {
        families(machine);
    }
    lifecycle::attack(machine);
    println!("done");
}

/// Attacks by every family that is wanted.
fn families(machine: &'static Machine) {
    let seed = machine.number("seed", 1);
    let targets = Targets::of(machine);
    let mut random = Random::new(seed);
    println!("seed {seed}, {} targets", targets.all().len());
    let wanted = machine.argument("families");
    let is_wanted = |name: &str| wanted.is_none_or(|list| list.split(',').any(|wanted| wanted == name));
    let mut wrong = 0;
    for (_, family) in FAMILIES.iter().filter(|(name, _)| is_wanted(name)) {
        let tally = family(machine, &targets, &mut random);
        tally.report();
        wrong += tally.wrong();
    }
    println!("{wrong} attacks ended otherwise than they must");
}
