//! The end of a guest that finds itself in the wrong.

use crate::{console, println, psci};
use core::panic::PanicInfo;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::seize();
    println!("{info}");
    psci::system_off()
}
