//! The distributor, and the redistributors or the CPU interface in memory: every offset, by every size, aligned and not.
//!
//! GICv3 §12.8 to §12.11, GICv2 §4.3 and §4.4. A partition sees its own interrupts; everything else is RAZ/WI. An access of a size
//! that a register does not have is RAZ/WI too, or an external abort (§12.1.3): either is an answer, as long as
//! it tells nothing. Whether a write has had an effect elsewhere is what the witness looks at.

mod active;
mod distributor;
mod foreign;
mod gicv2;
pub(crate) mod own;
mod redistributor;

use crate::attack::Left;
use crate::attack::forms::{FORMS, Form};
use crate::features::SVE;
use crate::outcome::{Abort, Expected};
use crate::plain::{Plain, SIZES, VALUE};
use crate::random::Random;
use crate::tally::Tally;
use crate::target::{PAGE, Targets};
use guest_rt::Machine;
use guest_rt::probe::{self, Memory};

/// Attacks the frames of the GIC.
pub(crate) fn attack(machine: &'static Machine, _: &Targets, random: &mut Random) -> Tally {
    let mut tally = Tally::new("distributor and redistributor");
    let plain = Plain::new();
    let mut sweep = Sweep { tally: &mut tally, plain, random };
    distributor::attack(&mut sweep, machine);
    match machine.has_gicv2() {
        true => gicv2::attack(&mut sweep, machine),
        false => redistributor::attack(&mut sweep, machine),
    }
    own::attack(&mut tally, &plain, machine);
    foreign::attack(&mut tally, &plain, machine);
    active::attack(&mut tally, &plain, machine);
    tally
}

/// What an aligned access to an offset may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// A register of this size: its value, but no bits outside the mask.
    Bits(u64),
    /// No register, or none of this size: zero, or an external abort.
    Nothing,
}

/// Who makes all accesses to a frame.
struct Sweep<'a> {
    tally: &'a mut Tally,
    plain: Plain,
    random: &'a mut Random,
}

impl Sweep<'_> {
    /// Accesses every word of the `size` bytes at `base`; `shown` says what an offset and a size show.
    fn every_word(&mut self, what: &str, base: u64, size: u64, shown: impl Fn(u64, u64) -> Shown) {
        for page in (0..size).step_by(0x1000) {
            for offset in (page..page + PAGE).step_by(4) {
                for (number, size) in SIZES.into_iter().enumerate().filter(|(_, size)| offset % size == 0) {
                    self.aligned(what, base + offset, (number, shown(offset, size)));
                }
            }
            self.unaligned(what, base + page);
        }
    }

    /// Reads, writes zero, ones and something, and reads again.
    fn aligned(&mut self, what: &str, address: u64, (number, shown): (usize, Shown)) {
        let size = SIZES[number];
        let look = |sweep: &mut Self, operation: &str| {
            let left = sweep.plain.load(number, address);
            sweep.tally.judge(
                shown.admits(&left),
                format_args!(
                    "{size} bytes of {what} at {address:#x} {operation}: {left}, expected {shown:x?}"
                ),
            );
        };
        look(self, "read");
        for (operation, value) in [("zeroed", 0), ("set", u64::MAX), ("written", self.random.next())] {
            let left = self.plain.store(number, address, value);
            self.tally.judge(
                left.fault.is_none() || shown == Shown::Nothing && external(true).admits(&left, 0, None),
                format_args!("{size} bytes of {what} at {address:#x} {operation}: {left}"),
            );
        }
        look(self, "read again");
    }

    /// Accesses across what is aligned: as Device memory an alignment fault, as other memory, where it gets
    /// as far as the frame, nothing or an abort.
    fn unaligned(&mut self, what: &str, page: u64) {
        let odd = [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 4)];
        let offsets =
            || (0..PAGE).step_by(64).flat_map(|offset| odd.map(|(number, off)| (number, offset + off)));
        for (number, offset) in offsets() {
            let left = self.plain.load(number, page + offset);
            let is_right = alignment(false).admits(&left, 0, None);
            self.tally.judge(is_right, format_args!("{what}, unaligned at {:#x}: {left}", page + offset));
        }
        probe::through_window(page, Memory::NonCacheable, |seen| {
            for (number, offset) in offsets() {
                let loaded = self.plain.load(number, seen + offset);
                let stored = self.plain.store(number, seen + offset, u64::MAX);
                let is_right = nothing(&loaded) && (stored.fault.is_none() || refused(&stored));
                self.tally.judge(
                    is_right,
                    format_args!("{what} as memory, unaligned at {:#x}: {loaded}, {stored}", page + offset),
                );
            }
        });
    }

    /// Forms that no syndrome describes: an abort, for nobody can know what they are.
    fn undescribed(&mut self, what: &str, address: u64) {
        let is_undescribed = |form: &Form, text: &str| match form {
            Form::Load | Form::Store => {
                text.contains("],") || text.contains("]!") || text.contains('{') || is_pair_or_vector(text)
            }
            Form::OrderedLoad => text.starts_with("ldx") || text.starts_with("ldax"),
            Form::ScalableLoad | Form::ScalableStore => SVE.is_shown(),
            _ => false,
        };
        for form in FORMS.iter().filter(|form| is_undescribed(&form.kind, form.text)) {
            let left = form.run([address, u64::MAX, u64::MAX, 0]);
            let is_right = refused(&left);
            self.tally.judge(is_right, format_args!("`{}` on {what} at {address:#x}: {left}", form.text));
        }
    }
}

fn is_pair_or_vector(text: &str) -> bool {
    let (mnemonic, operands) = text.split_once(' ').unwrap_or((text, ""));
    mnemonic.contains('p') || operands.starts_with(['b', 'h', 's', 'd', 'q'])
}

impl Shown {
    /// The register has bits of the mask if the access is as wide as it.
    const fn as_wide_as(mask: u64, is_as_wide: bool) -> Self {
        if is_as_wide { Self::Bits(mask) } else { Self::Nothing }
    }

    fn admits(self, left: &Left) -> bool {
        match self {
            Self::Bits(mask) => left.fault.is_none() && left.registers[VALUE] & !mask == 0,
            Self::Nothing => nothing(left),
        }
    }
}

/// Zero, or refused.
fn nothing(left: &Left) -> bool {
    match left.fault {
        None => left.registers[VALUE] == 0,
        Some(_) => refused(left),
    }
}

fn refused(left: &Left) -> bool {
    [false, true]
        .into_iter()
        .any(|is_write| external(is_write).admits(left, 0, None) || alignment(is_write).admits(left, 0, None))
}

const fn external(is_write: bool) -> Expected {
    Expected::Data(Abort { status: Abort::EXTERNAL, is_write: Some(is_write) })
}

const fn alignment(is_write: bool) -> Expected {
    Expected::Data(Abort { status: Abort::ALIGNMENT, is_write: Some(is_write) })
}
