//! That nothing which a plan says of a partition changes in silence.
//!
//! Every bit of the records is turned, in plans that need not be valid: what is compared is what they say.

use super::*;
use bulkhead_plan::sample::Sample;
use bulkhead_plan::{
    Board, Cpu, Function, Interrupt, InterruptMode, Ipa, Load, Partition, Plan, Restart, Step,
};
use bulkhead_plan::{Region, Trigger};
use bulkhead_verify::Examined;
use std::mem::{offset_of, size_of};
use std::ops::Range;

/// What the sample holds, with a virtual UART, and a function and pieces of each partition's own.
fn sample() -> Sample {
    let mut sample = Sample::default();
    for (partition, load) in sample.partitions.iter_mut().zip(&mut sample.loads) {
        partition.uart = Ipa(0x0900_0000);
        load.digest[0] = u8::try_from(partition.vmid).unwrap();
    }
    sample.partitions[0].functions.count = 1;
    sample
}

fn contents(plan: &Plan<'_>) -> Contents {
    let mut contents = Contents::default();
    let examined = Examined { intact_loads: vec![true; plan.loads.len()], ..Examined::default() };
    contents.describe(&[], plan, &examined);
    contents
}

/// What `diff` says of the partitions of the sample after a change of it.
fn said(change: impl FnOnce(&mut Sample)) -> String {
    let (mut old, mut new) = (sample(), sample());
    let [old, new] = [(&mut old, None), (&mut new, Some(change))].map(|(sample, change)| {
        change.into_iter().for_each(|change| change(sample));
        contents(&Plan::decode(sample.encode().bytes()).unwrap())
    });
    Difference::between(&old, &new).to_string()
}

/// The offsets in the record at `start` at which some bit can be turned, and none of those that can is told of.
fn silent<T>(start: impl Fn(&Plan<'_>) -> *const T, bits: Range<u32>) -> Vec<usize> {
    let intact = sample().encode();
    let plan = Plan::decode(intact.bytes()).unwrap();
    let old = contents(&plan);
    let first = start(&plan).addr() - intact.bytes().as_ptr().addr();
    let is_silent = |word: &usize| {
        let turned = bits.clone().filter_map(|bit| {
            let mut bytes = intact.clone();
            bytes.bytes_mut()[first + word + usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
            Plan::decode(bytes.bytes()).ok().map(|plan| Difference::between(&old, &contents(&plan)))
        });
        turned.into_iter().any(|difference| difference.is_empty())
    };
    (0..size_of::<T>()).step_by(4).filter(is_silent).collect()
}

#[test]
fn every_bit_of_a_partition_is_told_of_but_where_its_tables_are() {
    // Of a name what pads it says nothing, of VTCR_EL2 all but the bits of the addresses.
    let padding = (offset_of!(Partition, name) + 4..offset_of!(Partition, root)).step_by(4);
    let (root, vtcr) = (offset_of!(Partition, root), offset_of!(Partition, vtcr));
    let quiet: Vec<usize> = padding.chain([root, root + 4, vtcr, vtcr + 4]).collect();
    assert_eq!(silent::<Partition>(|plan| &raw const plan.partitions[0], 0..32), quiet);
    assert!(!silent::<Partition>(|plan| &raw const plan.partitions[0], 0..6).contains(&vtcr));
}

#[test]
fn every_bit_of_what_a_partition_has_is_told_of() {
    let none: [usize; 0] = [];
    assert_eq!(silent::<Interrupt>(|plan| &raw const plan.interrupts[0], 0..32), none);
    let reserved = [offset_of!(Step, reserved)];
    assert_eq!(silent::<Step>(|plan| &raw const plan.steps[0], 0..32), reserved);
    assert_eq!(silent::<Function>(|plan| &raw const plan.functions[0], 0..32), [4]);
    let reserved = [offset_of!(Region, reserved)];
    assert_eq!(silent::<Region>(|plan| &raw const plan.regions[3], 12..20), reserved);
    // Where a piece lies in the window nobody sees, and its length is its digest's.
    let quiet = [offset_of!(Load, source), offset_of!(Load, size)];
    assert_eq!(silent::<Load>(|plan| &raw const plan.loads[0], 0..12), quiet);
    // Whose a CPU is, the partition says; the sample has neither a GICv2 nor a spin table.
    let cpu = [offset_of!(Cpu, partition), offset_of!(Cpu, interface), 32, 36];
    assert_eq!(silent::<Cpu>(|plan| &raw const plan.cpus[0], 0..32), cpu);
}

#[test]
fn every_bit_of_the_board_is_told_of_but_where_the_hypervisor_is_at_home() {
    // The window stands in the boot header, too, and is compared from there; here it says what lies in place.
    let padding = (offset_of!(Board, name) + 4..offset_of!(Board, window)).step_by(4);
    let window = (offset_of!(Board, window)..offset_of!(Board, distributor)).step_by(4);
    let interface = (offset_of!(Board, cpu_interface)..offset_of!(Board, console)).step_by(4);
    let own: Vec<usize> = padding.chain(window).chain(interface).collect();
    let quiet = silent::<Board>(|plan| &raw const *plan.board, 0..32);
    assert!(quiet.iter().all(|word| own.contains(word)), "{quiet:?}");
}

#[test]
fn a_partition_that_may_do_more_is_said_to() {
    let more = said(|sample| {
        let first = &mut sample.partitions[0];
        (first.interrupt_mode, first.restart) = (InterruptMode::Guarded, Restart::OnRequest);
        (first.functions.count, first.controls) = (0, 0);
        sample.partitions[1].controls = 0b01;
    });
    let expected = "partition first\n  - may call firmware 0x84000050\n  - may start, stop and restart `second`\n  \
                    ~ interrupts guarded, not direct\n  \
                    ~ after a fault: stop; not restart, at most 3 times, first after 100 ms\n\
                    partition second\n  + may start, stop and restart `first`\n";
    assert_eq!(more, expected);
}

#[test]
fn how_often_a_partition_begins_again_is_said() {
    let often = said(|sample| sample.partitions[1].max_restarts = 1);
    let expected = "partition second\n  ~ after a fault: restart, at most 1 time, first after 100 ms; not restart, \
                    at most 3 times, first after 100 ms\n";
    assert_eq!(often, expected);
    assert!(said(|sample| sample.partitions[1].restart_delay = 7).contains("first after 7 ms; not"));
}

#[test]
fn what_silences_a_device_is_said_even_if_only_its_order_is_another() {
    let other = said(|sample| sample.steps[1].mask = 1);
    let lost = "- silenced: wait until 0x9000070 is 0x0\n";
    let gained = "+ silenced: wait until 0x9000070 is 0x0 in the bits 0x1\n";
    assert_eq!(other, format!("partition first\n  {lost}  {gained}"));
    let swapped = said(|sample| sample.steps.swap(0, 1));
    assert_eq!(swapped, "partition first\n  ~ silenced by the same steps in another sequence\n");
}

#[test]
fn what_the_hypervisor_answers_for_is_said() {
    let moved = said(|sample| {
        let first = &mut sample.partitions[0];
        (first.uart, first.uart_interrupt) = (Ipa(0x0a00_0000), 79);
        sample.interrupts[1].trigger = Trigger::Level;
    });
    let expected = "partition first\n  ~ interrupt 79 (SPI 47) level, not edge\n  \
                    - virtual PL011, polled at 0x9000000, by bulkhead\n  \
                    + virtual PL011, interrupt 79 at 0xa000000, by bulkhead\n";
    assert_eq!(moved, expected);
}

#[test]
fn a_gicv2_is_a_page_that_partitions_have() {
    let mut sample = Sample::with_gicv2();
    let old = contents(&Plan::decode(sample.encode().bytes()).unwrap());
    sample.partitions[0].regions.start += 1;
    sample.partitions[0].regions.count -= 1;
    let new = contents(&Plan::decode(sample.encode().bytes()).unwrap());
    let said = Difference::between(&old, &new).to_string();
    assert_eq!(said, "partition first\n  - GICC 0x8010000..=0x8010fff\n");
}

#[test]
fn a_console_has_a_kind_and_perhaps_an_heir() {
    let inherited = said(|sample| sample.board.heir = 1);
    let console = "console PL011 at 0x9040000";
    let heir = ", that of `second` once all have begun";
    assert_eq!(inherited, format!("bulkhead\n  - {console}\n  + {console}{heir}\n"));
}

#[test]
fn images_of_which_nobody_sees_a_difference_are_not_said_to_be_the_same() {
    let other = Contents { sha256: bulkhead_verify::Digest::of(b"other"), ..Contents::default() };
    let said = Difference::between(&Contents::default(), &other).to_string();
    assert_eq!(said, "bulkhead\n  ~ its image, in nothing that a partition sees\n");
}
