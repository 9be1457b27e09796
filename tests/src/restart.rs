//! Ends of lives, and new beginnings.

mod damaged;
mod end;
pub(crate) mod fall;
mod linux;

use crate::{Again, Context, Need, Test};
use anyhow::Result;
use fall::Interrupts;

pub(crate) use end::patient;

/// The tests of this group.
pub(crate) const TESTS: &[Test] = &[
    test(
        "however a CPU falls, its partition is stopped, and begins again unless it sleeps for ever",
        |context| fall::run(context, Interrupts::Direct, 1),
    )
    .again(Again::Long),
    test("the same on two CPUs", |context| fall::run(context, Interrupts::Direct, 2)).again(Again::Always),
    test("however a guarded CPU falls, its partition is stopped and begins again", |context| {
        fall::run(context, Interrupts::Guarded, 1)
    })
    .again(Again::Long),
    test("the same on two guarded CPUs", |context| fall::run(context, Interrupts::Guarded, 2))
        .again(Again::Always),
    test("a CPU that takes exceptions for ever is left behind, and harms nobody", |context| {
        fall::astray(context, Interrupts::Direct)
    })
    .again(Again::Long),
    test("so is a guarded one", |context| fall::astray(context, Interrupts::Guarded)).again(Again::Long),
    test("a partition that resets itself finds nothing of its former life", end::resets).again(Again::Always),
    test("so does one on CPUs with every extension", end::resets_of_extended_cpus),
    test("a fault is recorded and answered as often as the plan says", end::faults).again(Again::Long),
    test("a partition that is to stop after a fault stays off", end::fault_without_restart),
    test("a partition whose device does not fall silent never begins again", end::loud),
    test("a partition of which a bit has flipped does not begin again", damaged::between_lives),
    needing_linux("Linux restarts by itself and harms no neighbour", linux::by_itself).again(Again::Long),
    needing_linux("Linux panics and restarts and harms no neighbour", linux::by_panic).again(Again::Long),
    needing_linux("Linux fails and is restarted and harms no neighbour", linux::by_fault).again(Again::Long),
    needing_linux("Linux is restarted by who controls it and harms no neighbour", linux::by_order)
        .again(Again::Long),
    needing_linux(
        "Linux panics, stays where it is, and is restarted by who controls it",
        linux::by_order_after_a_panic,
    ),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "restart", name, needs: NEEDS, run, ..Test::PLAIN }
}

const fn needing_linux(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[Need::Linux];
    Test { needs: NEEDS, ..test(name, run) }
}

/// How often something is restarted.
pub(crate) fn times(context: &Context<'_>) -> usize {
    if context.long { 100 } else { 3 }
}
