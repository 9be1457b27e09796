//! Code that a CPU's errata would have wrong, taken apart.
//!
//! Cortex-A53 erratum 835769 (up to r0p4): a 64-bit multiply-accumulate directly behind a load or store may give a
//! wrong result. The compiler's own answer is none that a stable toolchain offers, so it is a linker's: the
//! multiplication moves to a gap of the hypervisor's code, and a branch leads there and back.

use crate::failure::Failure;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use std::ops::Range;

/// Bytes of an instruction.
const WORD: usize = 4;

/// Where things are in the hypervisor's binary.
struct Layout {
    /// The code, in the file.
    code: Range<usize>,
    /// Words of it that nothing is in.
    gap: Range<usize>,
    /// Words of it that are no instructions.
    constants: Vec<Range<usize>>,
}

/// Takes every such pair of the hypervisor's binary apart.
pub(crate) fn separate(binary: &mut [u8]) -> Result<(), Failure> {
    let broken = || Failure::missing("the hypervisor's binary has no code with a gap for veneers".to_owned());
    let Layout { code, gap, constants } = layout(binary).ok_or_else(broken)?;
    let bytes = binary.get_mut(code).ok_or_else(broken)?;
    let mut words: Vec<u32> =
        bytes.chunks_exact(WORD).map(|word| word.try_into().map_or(0, u32::from_le_bytes)).collect();
    let pairs = pairs(&words, &constants);
    let room = gap.len() / 2;
    if pairs.len() > room {
        let title = format!(
            "{} pairs of instructions have to be taken apart, and there is room for {room}",
            pairs.len()
        );
        return Err(Failure::missing(title));
    }
    for (at, veneer) in pairs.iter().copied().zip(gap.step_by(2)) {
        move_behind_a_branch(&mut words, at, veneer);
    }
    for (bytes, word) in bytes.chunks_exact_mut(WORD).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Ok(())
}

fn layout(binary: &[u8]) -> Option<Layout> {
    let file = object::File::parse(binary).ok()?;
    let text = file.section_by_name(".text")?;
    let (offset, size) = text.file_range()?;
    let code = usize::try_from(offset).ok()?..usize::try_from(offset.checked_add(size)?).ok()?;
    let index = |address: u64| Some(usize::try_from(address.checked_sub(text.address())?).ok()? / WORD);
    let find = |name: &str| index(file.symbol_by_name(name)?.address());
    // The assembler and the linker say where instructions begin ($x) and where data does ($d).
    let is_mark = |name: &str| ["$x", "$d"].iter().any(|mark| name.split('.').next() == Some(mark));
    let marks = file.symbols().filter_map(|it| Some((index(it.address())?, it.name().ok()?)));
    let mut marks: Vec<(usize, bool)> =
        marks.filter(|(_, name)| is_mark(name)).map(|(at, name)| (at, name.starts_with("$d"))).collect();
    marks.sort_unstable();
    let ends = marks.iter().skip(1).map(|(at, _)| *at).chain([code.len() / WORD]);
    let constants =
        marks.iter().zip(ends).filter(|((_, is_data), _)| *is_data).map(|((at, _), end)| *at..end);
    let gap = find("__veneers_start")?..find("__veneers_end")?;
    Some(Layout { constants: constants.collect(), code, gap })
}

/// The indices of multiplications that follow a load or store.
fn pairs(words: &[u32], constants: &[Range<usize>]) -> Vec<usize> {
    let is_code = |at: &usize| !constants.iter().any(|data| data.contains(at) || data.contains(&(at - 1)));
    let follows = |pair: &[u32]| matches!(pair, [first, second] if is_memory(*first) && accumulates(*second));
    (1..).zip(words.windows(2)).filter(|(_, pair)| follows(pair)).map(|(at, _)| at).filter(is_code).collect()
}

/// Loads, stores and prefetches (Arm ARM C4.1).
const fn is_memory(word: u32) -> bool {
    word >> 25 & 0b0101 == 0b0100
}

/// MADD, MSUB, SMADDL, SMSUBL, UMADDL or UMSUBL of 64 bits that adds something (Arm ARM C4.1, three sources).
const fn accumulates(word: u32) -> bool {
    const ZERO: u32 = 31;
    word >> 24 == 0x9b && matches!(word >> 21 & 7, 0b000 | 0b001 | 0b101) && word >> 10 & 31 != ZERO
}

/// The instruction goes to the veneer, and what follows it is reached from there.
fn move_behind_a_branch(words: &mut [u32], at: usize, veneer: usize) {
    let moved = [words[at], branch(veneer + 1, at + 1)];
    words[at] = branch(at, veneer);
    words[veneer..veneer + 2].copy_from_slice(&moved);
}

/// `B` from one word to another.
#[expect(clippy::cast_possible_truncation, reason = "26 bits")]
fn branch(from: usize, to: usize) -> u32 {
    0x1400_0000 | (to.wrapping_sub(from) & 0x3ff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const LDR: u32 = 0xf940_0020; // ldr x0, [x1]
    const STP: u32 = 0xa900_0fe2; // stp x2, x3, [sp]
    const MADD: u32 = 0x9b02_0c20; // madd x0, x1, x2, x3
    const MUL: u32 = 0x9b02_7c20; // mul x0, x1, x2
    const UMADDL: u32 = 0x9ba2_0c20; // umaddl x0, w1, w2, x3
    const UMULH: u32 = 0x9bc2_7c20; // umulh x0, x1, x2
    const MADD_32: u32 = 0x1b02_0c20; // madd w0, w1, w2, w3
    const ADD: u32 = 0x8b02_0020; // add x0, x1, x2

    #[test]
    fn a_multiplication_that_adds_is_found_behind_loads_and_stores_only() {
        let code = [LDR, MADD, ADD, MADD, STP, UMADDL, LDR, MUL, LDR, UMULH, LDR, MADD_32, LDR, ADD];
        assert_eq!(pairs(&code, &[]), [1, 5]);
        assert_eq!(pairs(&code, &[0..1, 13..14]), [5], "data is no instruction");
    }

    #[test]
    fn what_was_moved_is_executed_and_comes_back() {
        let mut code = [LDR, MADD, ADD, 0, 0];
        move_behind_a_branch(&mut code, 1, 3);
        // b +8; …; madd; b -8
        assert_eq!(code, [LDR, 0x1400_0002, ADD, MADD, 0x17ff_fffe]);
        assert!(pairs(&code, &[]).is_empty());
    }
}
