//! What a Raspberry Pi's boot partition needs besides the Pi's own firmware.
//!
//! The firmware reads `config.txt` and starts an arm64 Image at EL2, with the device tree that it has fixed up
//! (Raspberry Pi documentation, "config.txt"). Its own files are not ours to give, so this is a folder to copy.

use super::Payload;

/// The files, by name.
pub(super) fn folder(payload: &Payload<'_>) -> Vec<(&'static str, Vec<u8>)> {
    vec![(KERNEL, payload.image.to_vec()), ("config.txt", config(payload).into_bytes())]
}

const KERNEL: &str = "kernel8.img";

fn config(payload: &Payload<'_>) -> String {
    let Payload { board, place, .. } = payload;
    format!(
        "# Written by `bulkhead build --for pi`, for {board}.\n\
         arm_64bit=1\n\
         kernel={KERNEL}\n\
         # Where the plan has it, so that it need not move.\n\
         kernel_address={:#x}\n\
         # The GIC, not the older interrupt controller.\n\
         enable_gic=1\n\
         # The PL011 on the pins of the header, not at the Bluetooth chip; its clock stays as it is.\n\
         enable_uart=1\n\
         dtoverlay=disable-bt\n",
        place.base.0
    )
}
