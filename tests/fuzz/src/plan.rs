//! Plans: bytes that claim to be one.
//!
//! Whatever the bytes are, decoding and verifying answer; what is verified is checked again here, by sums
//! over all bytes instead of rules about records.

use arbitrary::{Result, Unstructured};
use bulkhead_plan::sample::Sample;
use bulkhead_plan::{Plan, RegionKind, verify};

/// A sample plan with some of its words changed.
pub(crate) fn check(case: &mut Unstructured<'_>) -> Result<()> {
    let mut sample = Sample::default().encode();
    let size = sample.bytes().len();
    for _ in 0..case.int_in_range(0..=6)? {
        let at = case.choose_index(size)?;
        let word: [u8; 4] = interesting(case)?.to_le_bytes();
        let place = if case.ratio(3, 4)? { at & !3 } else { at };
        for (byte, new) in sample.bytes_mut().iter_mut().skip(place).zip(word) {
            *byte = new;
        }
    }
    let length = if case.ratio(1, 8)? { case.choose_index(size)? & !7 } else { size };
    if let Ok(plan) = Plan::decode(&sample.bytes()[..length]) {
        let verdict = verify(&plan);
        let _ = verdict.map_err(|violation| violation.to_string());
        if verdict.is_ok() {
            assert_sound(&plan);
        }
        let _ = bulkhead_core::prove::prove(&plan, &[0; 0x4000]);
    }
    Ok(())
}

fn interesting(case: &mut Unstructured<'_>) -> Result<u32> {
    Ok(match case.int_in_range(0..=3)? {
        0 => case.arbitrary()?,
        1 => u32::from(case.arbitrary::<u8>()?),
        2 => u32::MAX - u32::from(case.arbitrary::<u8>()?),
        _ => 0x4000_0000 + (u32::from(case.arbitrary::<u16>()?) << 12),
    })
}

/// What isolation means, said another way.
fn assert_sound(plan: &Plan<'_>) {
    let owned = || {
        plan.partitions.iter().enumerate().flat_map(|(owner, partition)| {
            let regions = partition.regions.of(plan.regions).unwrap_or_default();
            regions.iter().map(move |region| (owner, region))
        })
    };
    let mut ends: Vec<(u64, u64)> =
        owned().map(|(_, region)| (region.span.base.0, region.span.base.0 + region.span.size)).collect();
    ends.push((plan.board.window.base.0, plan.board.window.base.0 + plan.board.window.size));
    ends.sort_unstable();
    assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "two owners of one byte");
    let mut owners = vec![0_u32; plan.cpus.len()];
    for (index, partition) in plan.partitions.iter().enumerate() {
        let start = partition.cpus.start as usize;
        for (cpu, owner) in owners.iter_mut().enumerate().skip(start).take(partition.cpus.count as usize) {
            *owner += 1;
            assert_eq!(plan.cpus[cpu].partition as usize, index, "the CPU says another owner");
        }
        let ram = |address: u64| {
            owned().any(|(owner, region)| {
                let inside = region.ipa.0 <= address && address - region.ipa.0 < region.span.size;
                owner == index && region.kind == RegionKind::Ram && inside
            })
        };
        assert!(ram(partition.entry.0), "it begins outside of its memory");
        assert_eq!(partition.controls >> index & 1, 0, "it controls itself");
    }
    assert!(owners.iter().all(|owner| *owner <= 1), "a CPU with two owners");
}
