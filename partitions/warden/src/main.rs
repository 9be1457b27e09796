//! Starts, stops and restarts the partitions that it controls.
//!
//! It does what the boot argument `orders=` says, a list of [`Order`]s, and looks whether each has the effect
//! that it must have, by way of states that may lie between. Before it ends or renews a life it waits until as
//! many CPUs are in the partition as the order says: by starting its last one, a partition tells that it is
//! ready, since nothing else of it can be seen from here. Then it waits `pause-ms=` longer (50).

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod clock;
mod order;

use guest_rt::{Machine, println};
use order::Order;

guest_rt::entry!(main);

fn main(machine: &'static Machine) {
    clock::open(machine);
    let pause = machine.number("pause-ms", 50);
    for text in machine.argument("orders").unwrap_or_default().split(',') {
        let Some(order) = Order::parse(text) else {
            panic!("boot argument orders: expected VERB@NAME[:CPUS][*COUNT], found {text}")
        };
        for _ in 0..order.count {
            match order.carry_out(pause) {
                Ok(status) => println!("warden: {order}: {}", order::Shown(status)),
                Err(wrong) => println!("warden: WRONG {order}: {wrong}"),
            }
        }
    }
    println!("warden: done");
}
