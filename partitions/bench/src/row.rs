//! One line of the result.

use crate::spread::Spread;
use guest_rt::{mark, println};

/// Measures `operation` so many times, in window `WINDOW`, and prints the row.
pub(crate) fn measure<const WINDOW: u16>(name: &str, times: u64, mut operation: impl FnMut() -> u64) {
    let mut spread = Spread::new();
    mark::begin::<WINDOW>();
    for _ in 0..times {
        spread.add(operation());
    }
    mark::end::<WINDOW>();
    print::<WINDOW>(name, &spread);
}

/// Prints a row that was measured otherwise.
pub(crate) fn print<const WINDOW: u16>(name: &str, spread: &Spread) {
    println!("bench: {name} window {WINDOW} {spread}");
}
