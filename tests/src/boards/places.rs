//! Where the firmware puts the image.

use super::{Model, machine, model};
use crate::Context;
use crate::patience;
use crate::systems::SMALL;
use anyhow::{Context as _, Result, ensure};
use regex::bytes::Regex;

/// Low and high in RAM, each time not where it belongs.
pub(super) fn low_and_high(context: &Context<'_>) -> Result<()> {
    let Model { places, .. } = model(context.board)?;
    let built = context.build(&context.made("places", SMALL)?, None)?;
    let hello = Regex::new("hello: ")?;
    for place in places {
        let image = context.scratch_file("places", "image.img", &built.image)?;
        let stub = context.scratch_file("places", "stub.img", &stub(*place))?;
        let mut machine = machine(&built, &stub)?;
        machine.args.extend(crate::loader::put(&image, *place));
        let mut running = context.start(&machine)?;
        let at = || format!("at {place:#x}");
        running.says("bulkhead", r"bulkhead [^\r\n]*: 1 partitions").with_context(at)?;
        running.expect("guest", &hello, patience()).with_context(at)?;
        running.says("bulkhead", r"every partition has stopped: off\r\n").with_context(at)?;
        let log = String::from_utf8_lossy(running.transcript("bulkhead"));
        ensure!(!log.contains("no device tree"), "the device tree was lost: {}", at());
    }
    Ok(())
}

/// A kernel that goes to `place`: `ldr x1, place; br x1` behind the header of an arm64 `Image`.
fn stub(place: u64) -> Vec<u8> {
    let mut image = vec![0; 64];
    image[..4].copy_from_slice(&0x1400_0010_u32.to_le_bytes());
    image[16..24].copy_from_slice(&0x1000_u64.to_le_bytes());
    image[24] = 0xa;
    image[56..60].copy_from_slice(b"ARM\x64");
    for word in [0x5800_0041_u32, 0xd61f_0020] {
        image.extend(word.to_le_bytes());
    }
    image.extend(place.to_le_bytes());
    image
}
