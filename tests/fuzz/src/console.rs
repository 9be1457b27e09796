//! The shared console: whatever speakers say, in whatever order, can be taken apart again.
//!
//! The line discipline of EL2 and the demultiplexer of the tool are two programs for one format.

use arbitrary::{Result, Unstructured};
use bulkhead::run::Demultiplexer;
use bulkhead_core::console::{Line, Pushed, RING, Ring};
use std::collections::BTreeMap;

const NAMES: [&str; 3] = ["bulkhead", "first", "second"];

/// Pieces of three speakers.
pub(crate) fn check(case: &mut Unstructured<'_>) -> Result<()> {
    check_ring(case)?;
    let mut line = Line::new();
    let mut wire = Vec::new();
    let mut said: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    while !case.is_empty() {
        let speaker = case.choose_index(NAMES.len())?;
        for _ in 0..case.int_in_range(1..=12)? {
            let byte = spoken(case)?;
            line.put(speaker, NAMES[speaker], byte, &mut |byte| wire.push(byte));
            said.entry(NAMES[speaker]).or_default().push(byte);
        }
    }
    let mut heard: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut demultiplexer = Demultiplexer::default();
    for piece in wire.chunks(7) {
        for chunk in demultiplexer.feed(piece) {
            heard.entry(chunk.source).or_default().extend(chunk.bytes);
        }
    }
    for (name, bytes) in said {
        assert_eq!(heard.remove(name).as_ref(), Some(&bytes), "what `{name}` has said");
    }
    assert!(heard.is_empty(), "somebody spoke in another's name: {heard:?}");
    Ok(())
}

/// A byte: one of those that have a meaning on the wire, or any.
fn spoken(case: &mut Unstructured<'_>) -> Result<u8> {
    if case.ratio(1, 2)? { case.arbitrary() } else { Ok(*case.choose(b"\x1e\x1f\r\n[] bulkhead^_")?) }
}

/// A ring keeps what it was given, or counts it as lost, or puts it off while the wire moves.
fn check_ring(case: &mut Unstructured<'_>) -> Result<()> {
    let mut ring = Ring::new();
    let (mut pushed, mut popped, mut lost) = (0_u32, 0_u32, 0_u32);
    let (mut now, mut moved) = (0_u64, 0_u64);
    for _ in 0..case.int_in_range(0..=8)? {
        let burst = case.int_in_range(0..=RING * 3 / 2)?;
        for number in 0..burst {
            let is_full = ring.is_full();
            let patience = u64::from(number % 2 == 0);
            match ring.push(number.to_le_bytes()[0], now, patience) {
                Pushed::Later => assert!(is_full && moved == now && patience == 1, "put off without need"),
                Pushed::Done if is_full => lost += 1,
                Pushed::Done => {
                    // The wire of a speaker that has had nothing to say stands not still.
                    moved = if ring.length() == 1 { now } else { moved };
                    pushed += 1;
                }
            }
        }
        now += u64::from(case.arbitrary::<bool>()?);
        for _ in 0..case.int_in_range(0..=RING)? {
            if ring.pop(now).is_some() {
                popped += 1;
                moved = now;
            }
        }
        assert_eq!(usize::try_from(pushed - popped), Ok(ring.length()));
    }
    assert_eq!(ring.take_lost(), lost);
    Ok(())
}
