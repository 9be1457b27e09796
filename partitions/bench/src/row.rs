//! One line of the result.

use crate::spread::Spread;
use guest_rt::{mark, println};

/// How often a measurement is tried.
const PATIENCE: u32 = 10;

/// Measures `operation` so many times, in window `WINDOW`, and prints the row. What it does not measure for
/// once, it does again.
pub(crate) fn measure<const WINDOW: u16, T: Into<Option<u64>>>(
    name: &str,
    times: u64,
    mut operation: impl FnMut() -> T,
) {
    let mut spread = Spread::new();
    mark::begin::<WINDOW>();
    for _ in 0..times {
        if let Some(value) = (0..PATIENCE).find_map(|_| operation().into()) {
            spread.add(value);
        }
    }
    mark::end::<WINDOW>();
    print::<WINDOW>(name, &spread);
}

/// Prints a row that was measured otherwise.
pub(crate) fn print<const WINDOW: u16>(name: &str, spread: &Spread) {
    println!("bench: {name} window {WINDOW} {spread}");
}
