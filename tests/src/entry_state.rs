//! The state in which the image is entered: whatever it is, the systems behave as ever.
//!
//! The boot protocol (Linux, Documentation/arch/arm64/booting.rst) promises a state, and firmware keeps such
//! promises by chance. So every register that entry has to set holds junk here, and once the MMU and the
//! caches are on, with a map in which the image finds itself.

use crate::counts::Counts;
use crate::loader::{Loader, Register, TABLE, TREE, Tree, WINDOW};
use crate::systems::SMALL;
use crate::{Again, Board, Context, Need, Running, Test};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeMap;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("whatever registers hold at entry, the demo runs as ever", junk_in_registers).again(Again::Long),
    test("entered with MMU and caches on, in place or not, a guest runs as ever", mmu_on),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "boot", name, needs: NEEDS, run, ..Test::PLAIN }
}

/// All that could be set in a register of 64 bits, and an address that is nobody's.
const ALL: u64 = u64::MAX;
const NOWHERE: u64 = 0xdead_beef_f000;

const HCR_EL2: Register = Register(3, 4, 1, 1, 0);
const SCTLR_EL2: Register = Register(3, 4, 1, 0, 0);
const TTBR0_EL2: Register = Register(3, 4, 2, 0, 0);
const TCR_EL2: Register = Register(3, 4, 2, 0, 2);
const MAIR_EL2: Register = Register(3, 4, 10, 2, 0);

/// HCR_EL2.E2H and TGE: EL2 as a host's kernel has it.
const E2H: u64 = 1 << 34;
const TGE: u64 = 1 << 27;
/// SCTLR_EL2: what is RES1, and A, C, SA and I.
const SCTLR: u64 = 0x30c5_0830 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 12;
const SCTLR_M: u64 = 1;
/// TCR_EL2: 39 bits, 4 KiB, inner shareable, write-back; the same with E2H, where bit 23 is EPD1.
const TCR: u64 = 1 << 31 | 1 << 23 | 3 << 12 | 1 << 10 | 1 << 8 | 25;
/// MAIR_EL2: write-back and Device-nGnRE.
const MAIR: u64 = 0x04ff;

/// What firmware might have left, by register.
const JUNK: &[(&str, Register, u64)] = &[
    ("ACTLR_EL2", Register(3, 4, 1, 0, 1), ALL),
    ("MDCR_EL2", Register(3, 4, 1, 1, 1), ALL),
    ("CPTR_EL2", Register(3, 4, 1, 1, 2), ALL),
    ("HSTR_EL2", Register(3, 4, 1, 1, 3), ALL),
    ("VPIDR_EL2", Register(3, 4, 0, 0, 0), ALL),
    ("VMPIDR_EL2", Register(3, 4, 0, 0, 5), ALL),
    ("VTTBR_EL2", Register(3, 4, 2, 1, 0), 0xff << 48 | NOWHERE),
    ("VTCR_EL2", Register(3, 4, 2, 1, 2), ALL),
    ("VBAR_EL2", Register(3, 4, 12, 0, 0), NOWHERE),
    ("ICC_SRE_EL2", Register(3, 4, 12, 9, 5), 0),
    ("ICH_HCR_EL2", Register(3, 4, 12, 11, 0), ALL),
    ("ICH_VMCR_EL2", Register(3, 4, 12, 11, 7), ALL),
    ("ICH_LR0_EL2", Register(3, 4, 12, 12, 0), 1 << 62 | 79),
    ("TPIDR_EL2", Register(3, 4, 13, 0, 2), ALL),
    ("CNTVOFF_EL2", Register(3, 4, 14, 0, 3), 0x1234_5678_9abc),
    ("CNTHCTL_EL2", Register(3, 4, 14, 1, 0), ALL),
    ("CNTHP_CTL_EL2", Register(3, 4, 14, 2, 1), 1),
    ("SCTLR_EL1", Register(3, 0, 1, 0, 0), ALL),
    ("TTBR0_EL1", Register(3, 0, 2, 0, 0), NOWHERE),
    ("TCR_EL1", Register(3, 0, 2, 0, 2), ALL),
    ("VBAR_EL1", Register(3, 0, 12, 0, 0), NOWHERE),
    ("CNTKCTL_EL1", Register(3, 0, 14, 1, 0), ALL),
    ("MDSCR_EL1", Register(2, 0, 0, 2, 2), 1 << 12),
    ("CNTP_CTL_EL0", Register(3, 3, 14, 2, 1), 1),
    ("CNTV_CTL_EL0", Register(3, 3, 14, 3, 1), 1),
];

/// `msr daifclr, #15`, `msr spsel, #0`, `isb`.
const UNMASKED_ON_SP_EL0: [u32; 3] = [0xd503_4fff, 0xd500_40bf, 0xd503_3fdf];

fn junk_in_registers(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("demo")?, None)?;
    let partitions = ["hello", "ticker", "trespasser"];
    let expected = exits(context.boot("entry-state", &built)?, partitions)?;
    let mut registers = junk(context.board);
    registers.extend([(MAIR_EL2, ALL), (TCR_EL2, ALL), (TTBR0_EL2, NOWHERE)]);
    registers.extend([(HCR_EL2, !E2H), (SCTLR_EL2, SCTLR)]);
    let loader = Loader { code: UNMASKED_ON_SP_EL0.to_vec(), registers, ..Loader::with(Tree::at(TREE)) };
    let found = exits(loader.start(context, "entry-state", &built)?, partitions)?;
    ensure!(found == expected, "{expected:?} became {found:?}");
    Ok(())
}

fn mmu_on(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.made("mmu-on", SMALL)?, None)?;
    let expected = exits(context.boot("mmu-on", &built)?, ["guest"])?;
    let in_place = |options, hcr| (WINDOW, TREE, options, hcr);
    for (image, tree, options, hcr) in [
        in_place(&[][..], !E2H),
        (WINDOW + 0x60_0000, WINDOW, &[], !E2H),
        in_place(&["-cpu", "max"], E2H | TGE),
    ] {
        let mut registers = junk(context.board);
        registers.extend([(MAIR_EL2, MAIR), (TCR_EL2, TCR), (TTBR0_EL2, TABLE)]);
        registers.extend([(HCR_EL2, hcr), (SCTLR_EL2, SCTLR | SCTLR_M)]);
        let code = UNMASKED_ON_SP_EL0.to_vec();
        let options = options.iter().map(|option: &&str| (*option).to_owned()).collect();
        let loader = Loader { image, code, registers, options, ..Loader::with(Tree::at(tree)) };
        let found = exits(loader.start(context, "mmu-on", &built)?, ["guest"])
            .with_context(|| format!("at {image:#x}, HCR_EL2 {hcr:#x}"))?;
        ensure!(found == expected, "at {image:#x}, HCR_EL2 {hcr:#x}: {expected:?} became {found:?}");
    }
    Ok(())
}

/// Those that the board's CPUs have: the interface of a GICv3 is not there with a GICv2.
fn junk(board: Board) -> Vec<(Register, u64)> {
    let is_there = |name: &str| board == Board::Virt || !name.starts_with("IC");
    let junk = JUNK.iter().filter(|(name, ..)| is_there(name));
    junk.map(|(_, register, value)| (*register, *value)).collect()
}

/// The exits of all partitions by reason, once the board is off; but for those of the UART, for what the
/// ticker says has numbers of various lengths.
fn exits<const N: usize>(
    mut machine: Running<'_>,
    partitions: [&str; N],
) -> Result<[BTreeMap<String, u64>; N]> {
    let all = Counts::of_all(&mut machine, partitions)?;
    Ok(all.map(|Counts { mut exits, .. }| {
        exits.remove("uart");
        exits
    }))
}
