//! The system on which the intruder and the witness meet.
//!
//! The intruder is told where everything is that it must not reach: every device of the board, every part of the
//! hypervisor, every region of the witness. All of that comes from QEMU's device tree and from the plan, which
//! the boot arguments do not change: it is planned once without them, and once with.

use crate::Context;
use crate::loader::{bare_machine, device_tree};
use anyhow::{Result, anyhow, ensure};
use bulkhead::system::Built;
use bulkhead_plan::{Plan, RegionKind, Span};
use dtoolkit::Node as _;
use dtoolkit::fdt::Fdt;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// How the intruder's interrupts reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupts {
    Direct,
    Guarded,
}

/// What makes one run differ from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub(super) cpus: u64,
    pub(super) interrupts: Interrupts,
    pub(super) seed: u64,
    pub(super) cpu: &'static str,
}

/// INTIDs on QEMU's `virt`: the clock's and the UART's, which are the witness's, and the intruder's own.
const CLOCK: u32 = 34;
const UART: u32 = 40;
const GPIO: u32 = 39;
/// Where the intruder's own device is, in which it counts its lives.
const NOTEBOOK: u64 = 0x0903_0000;

impl Stage {
    /// The image.
    pub(super) fn build(&self, context: &Context<'_>) -> Result<Built> {
        let name = self.name();
        let blind = context.build(&self.file(context, "")?, None)?;
        let machine = bare_machine(&blind, Path::new(""))?;
        let targets = targets(&blind.plan()?, &device_tree(context, &name, &machine)?)?;
        let list: Vec<String> =
            targets.iter().map(|(address, name)| format!("{name}:{address:#x}")).collect();
        let told = context.build(&self.file(context, &format!("targets={}", list.join(",")))?, None)?;
        ensure!(blind.plan()?.regions == told.plan()?.regions, "boot arguments have moved memory");
        Ok(told)
    }

    /// The system's file, beside that of a board with as many CPUs, and such.
    fn file(&self, context: &Context<'_>, targets: &str) -> Result<PathBuf> {
        let file = context.made(&self.name(), &self.system(targets))?;
        let board = file.with_file_name("board.toml");
        let text = fs::read_to_string(&board)?;
        let changed = text.replace("cpus = 4\n", &format!("cpus = {}\n", self.cpus));
        fs::write(board, changed.replace("\"cortex-a72\"", &format!("{:?}", self.cpu)))?;
        Ok(file)
    }

    /// The witness has the outer CPUs, the intruder those between.
    fn system(&self, targets: &str) -> String {
        let Self { cpus, seed, .. } = self;
        let outer = if *cpus < 8 { 1 } else { 3 };
        let watching: Vec<u64> = (cpus - outer..*cpus).collect();
        let attacking: Vec<u64> = (0..cpus - outer).collect();
        let interrupts = if self.interrupts == Interrupts::Direct { "direct" } else { "guarded" };
        format!(
            r#"[[partition]]
name = "witness"
image = "witness.elf"
bootargs = "patience-ms=400"
controls = ["intruder"]
cpus = {watching:?}
memory = "8M"
devices = ["/pl011@9040000", "/pl031@9010000"]

[[partition]]
name = "intruder"
image = "intruder.elf"
bootargs = "seed={seed} interrupts={interrupts} spis={GPIO} deactivate={CLOCK} end={UART} notebook={NOTEBOOK:#x} {targets}"
cpus = {attacking:?}
memory = "8M"
identity = true
interrupts = "{interrupts}"
on-fault = "restart"
max-restarts = 1000
restart-delay-ms = 1
devices = ["/pl061@9030000"]
"#
        )
    }

    /// A name for a board, whatever the seed: those have 31 characters at the most.
    pub(super) fn name(&self) -> String {
        let Self { cpus, interrupts, seed, cpu } = self;
        let mode = if *interrupts == Interrupts::Direct { 'd' } else { 'g' };
        format!("{mode}{cpus}-{seed:x}-{cpu}")
    }
}

/// Everything that is somebody's, by address: the first and the last page of each, and what lies between.
fn targets(plan: &Plan<'_>, tree: &[u8]) -> Result<BTreeMap<u64, String>> {
    let mut targets = BTreeMap::new();
    let tree = Fdt::new(tree).map_err(|error| anyhow!("QEMU's device tree: {error}"))?;
    for node in tree.root().children() {
        let Some(registers) = node.reg().map_err(|error| anyhow!("{}: {error}", node.name()))? else {
            continue;
        };
        for entry in registers {
            let (base, size) = (entry.address::<u64>(), entry.size::<u64>());
            let (Ok(base), Ok(size)) = (base, size) else { continue };
            add(&mut targets, node.name(), base, size);
        }
    }
    let board = plan.board;
    let mut span = |name: &str, span: Span| add(&mut targets, name, span.base.0, span.size);
    span("hypervisor", board.window);
    span("heap", board.heap);
    span("tables", plan.header.tables);
    span("distributor", board.distributor);
    for cpu in plan.cpus {
        span("redistributor", Span { base: cpu.redistributor, size: 0x2_0000 });
    }
    for region in plan.regions {
        let name = if region.kind == RegionKind::Ram { "memory" } else { "device" };
        span(name, region.span);
    }
    // Nothing is behind any of these: where a GICv3 would have redistributors, before the flash ends, between devices,
    // above RAM.
    for hole in [0x080a_0000, 0x0810_0000, 0x0bff_f000, 0x3eff_0000, 0x8000_0000] {
        add(&mut targets, "hole", hole, 0x1000);
    }
    Ok(targets)
}

/// Adds the beginning, the end and the middle of `size` bytes at `base`.
fn add(targets: &mut BTreeMap<u64, String>, name: &str, base: u64, size: u64) {
    let name = name.replace(',', "-");
    for (place, address) in [
        ("first", base),
        ("middle", base.saturating_add(size / 2)),
        ("last", base.saturating_add(size.saturating_sub(0x1000))),
    ] {
        targets.entry(address & !0xfff).or_insert_with(|| format!("{name}/{place}"));
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpus, interrupts, seed, cpu } = self;
        let interrupts = if *interrupts == Interrupts::Direct { "direct" } else { "guarded" };
        write!(f, "{cpus} CPUs ({cpu}), {interrupts}, seed {seed}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_a_name_that_a_board_may_have() {
        let stage = Stage { cpus: 8, interrupts: Interrupts::Guarded, seed: u64::MAX, cpu: "neoverse-n2" };
        assert_eq!(stage.name(), "g8-ffffffffffffffff-neoverse-n2");
        assert!(stage.name().len() <= 31);
    }
}
