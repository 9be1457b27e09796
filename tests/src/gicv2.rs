//! What there is only with a GICv2.
//!
//! Whatever else depends on the interrupt controller is tested in its own group, on both boards.

use crate::counts::Counts;
use crate::{Board, Context, Running, Test, patience};
use anyhow::{Result, ensure};
use regex::bytes::Regex;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("a guest that asks for FIQs is refused each of them and goes on", fiqs),
    test("a guarded partition takes its interrupts by way of EL2, and no other has an exit for one", guarded),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    Test { group: "gicv2", name, run, board: Board::VirtGicv2, ..Test::PLAIN }
}

fn fiqs(context: &Context<'_>) -> Result<()> {
    let system = ticker("asking", "ticks=400 period-us=1000 fiqs=300", "") + &ticker("other", TICKS, "");
    let mut machine = context.run("fiqs", &context.made("fiqs", &system)?)?;
    has_ticked(&mut machine, "asking", 400)?;
    has_ticked(&mut machine, "other", 500)?;
    let [asking, other] = Counts::of_all(&mut machine, ["asking", "other"])?;
    ensure!(asking.of("interrupt") == 300, "{asking:?}");
    ensure!(other.of("interrupt") == 0, "{other:?}");
    Ok(())
}

fn guarded(context: &Context<'_>) -> Result<()> {
    let system = ticker("guarded", TICKS, "interrupts = \"guarded\"\n") + &ticker("direct", TICKS, "");
    let mut machine = context.run("guarded", &context.made("guarded", &system)?)?;
    has_ticked(&mut machine, "guarded", 500)?;
    has_ticked(&mut machine, "direct", 500)?;
    let [guarded, direct] = Counts::of_all(&mut machine, ["guarded", "direct"])?;
    // GICC_IAR and GICC_EOIR for each tick, GICC_PMR and GICC_CTLR once; and the virtual UART does not interrupt.
    ensure!(guarded.of("interface") == 2 * 500 + 2, "{guarded:?}");
    ensure!(direct.of("interface") == 0 && direct.of("interrupt") == 0, "{direct:?}");
    Ok(())
}

const TICKS: &str = "ticks=500 period-us=1000";

/// A ticker on the CPU that its name stands for: none has two.
fn ticker(name: &str, bootargs: &str, mode: &str) -> String {
    let cpu = usize::from(matches!(name, "other" | "direct"));
    format!(
        "[[partition]]\nname = \"{name}\"\nimage = \"ticker.elf\"\nbootargs = \"{bootargs}\"\ncpus = [{cpu}]\n\
         memory = \"4M\"\n{mode}\n"
    )
}

fn has_ticked(machine: &mut Running<'_>, name: &str, ticks: u32) -> Result<()> {
    let all = Regex::new(&format!(r"ticker: {ticks} ticks, lost 0, late min"))?;
    machine.expect(name, &all, patience())?;
    Ok(())
}
