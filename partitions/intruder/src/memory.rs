//! Memory that is somebody else's, or nobody's: every form of access to every class of page.
//!
//! What a partition does not own answers as a bus does on which nothing is: by a synchronous external abort
//! (Arm ARM D8.17). What the guest's own stage 1 has to say comes first (Arm ARM D8.15, priority of faults).

mod walks;

use crate::attack::forms::{FORMS, Form};
use crate::attack::{self, Instruction, Left};
use crate::extensions;
use crate::features::{self, LRCPC, LSE, SVE};
use crate::outcome::{Abort, Expected, Place};
use crate::random::Random;
use crate::tally::Tally;
use crate::target::{PAGE, Target, Targets};
use core::fmt;
use guest_rt::Machine;
use guest_rt::probe::{self, Memory};

const KINDS: [Memory; 3] = [Memory::Device, Memory::NonCacheable, Memory::WriteBack];
/// Bytes that the largest access touches: those of `DC ZVA`, or four vectors.
const LARGEST: u64 = 64;
/// Random pages that are tried.
const RANDOM_PAGES: usize = 1000;
/// What stores store: two instructions `RET`, so that a fetch that follows one that succeeded comes back.
const TRACE: u64 = 0xd65f_03c0_d65f_03c0;

/// Attacks memory.
pub(crate) fn attack(machine: &Machine, targets: &Targets, random: &mut Random) -> Tally {
    let mut tally = Tally::new("memory");
    let shown = Shown::of_this_cpu();
    if shown.scalable {
        extensions::lengthen_vectors();
    }
    for target in targets.all() {
        let mut trial = Trial { tally: &mut tally, count: Tally::judge, shown: &shown };
        KINDS.into_iter().for_each(|memory| trial.every_form(target, memory));
        walks::attack(&mut tally, target, shown.physical_bits);
    }
    for region in machine.memory() {
        straddle(&mut tally, "the beginning of its memory", region.base);
        straddle(&mut tally, "the end of its memory", region.base + region.size);
    }
    walks::at_themselves(&mut tally);
    let mut trial = Trial { tally: &mut tally, count: Tally::again, shown: &shown };
    for _ in 0..RANDOM_PAGES {
        let address = random_page(machine, shown.physical_bits, random);
        let memory = KINDS[usize::try_from(random.next()).unwrap_or(0) % KINDS.len()];
        trial.every_form(&Target { name: "a random page", address }, memory);
    }
    tally
}

/// What decides about the outcome beside the access itself.
struct Shown {
    physical_bits: u32,
    atomics: bool,
    weak_loads: bool,
    scalable: bool,
}

impl Shown {
    fn of_this_cpu() -> Self {
        Self {
            physical_bits: features::physical_bits(),
            atomics: LSE.is_shown(),
            weak_loads: LRCPC.is_shown(),
            scalable: SVE.is_shown(),
        }
    }
}

/// How far an access is from where it would be aligned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alignment {
    Aligned,
    Off,
}

/// Who makes all accesses to a page.
struct Trial<'a> {
    tally: &'a mut Tally,
    /// Whether it is another attack or one more of the same.
    count: fn(&mut Tally, bool, fmt::Arguments<'_>),
    shown: &'a Shown,
}

impl Trial<'_> {
    fn every_form(&mut self, target: &Target, memory: Memory) {
        probe::through_window(target.address, memory, |seen| {
            for form in FORMS {
                self.one(target, (memory, form, seen), Alignment::Aligned);
                if matches!(form.kind, Form::Load | Form::Store) && has_alignment(form.text) {
                    self.one(target, (memory, form, seen + 1), Alignment::Off);
                }
            }
            if memory != Memory::Device {
                let left = attack::fetch(seen);
                let place = Place { address: seen, size: 4 };
                let is_right = fetch(self.shown, target.address).admits(&left, 0, Some(place));
                self.count(is_right, format_args!("fetch from {target} as {memory:?}: {left}"));
            }
        });
    }

    fn one(
        &mut self,
        target: &Target,
        (memory, form, seen): (Memory, &Instruction<Form>, u64),
        alignment: Alignment,
    ) {
        let expected = expected(self.shown, target.address, form.kind, memory, alignment);
        let left = form.run([seen, TRACE, TRACE, 0]);
        let is_right = is_right(&expected, form.kind, seen, &left);
        let off = if alignment == Alignment::Off { "unaligned " } else { "" };
        self.count(
            is_right,
            format_args!("{off}`{}` at {target} as {memory:?}: {left}, expected {expected}", form.text),
        );
    }

    fn count(&mut self, is_right: bool, found: fmt::Arguments<'_>) {
        (self.count)(self.tally, is_right, found);
    }
}

/// Whether it ended as expected; a base register is as it was if there was an exception (Arm ARM B1.3.1.4).
fn is_right(expected: &Expected, form: Form, seen: u64, left: &Left) -> bool {
    let place = Place { address: seen & !(LARGEST - 1), size: 2 * LARGEST };
    let is_whole = left.fault.is_none() || left.registers[0] == seen;
    let not_stored =
        form == Form::ExclusiveStore && left.fault.is_none() && left.registers[3] & 0xffff_ffff == 1;
    is_whole && (not_stored || expected.admits(left, 0, Some(place)))
}

/// Single bytes, and vectors of bytes, are never out of place.
fn has_alignment(text: &str) -> bool {
    let mnemonic = text.split(' ').next().unwrap_or_default();
    !mnemonic.ends_with('b')
        && !text.contains("b0,")
        && !text.contains(".16b")
        && !mnemonic.starts_with("st1")
}

fn data(status: u64, is_write: Option<bool>) -> Expected {
    Expected::Data(Abort { status, is_write })
}

fn fetch(shown: &Shown, address: u64) -> Expected {
    let is_too_far = address >> shown.physical_bits != 0;
    Expected::Fetch(if is_too_far { Abort::ADDRESS_SIZE | 3 } else { Abort::EXTERNAL })
}

fn expected(shown: &Shown, address: u64, form: Form, memory: Memory, alignment: Alignment) -> Expected {
    const LEVEL_3: u64 = 3;
    let is_write = match form {
        Form::Load
        | Form::OrderedLoad
        | Form::UnprivilegedLoad
        | Form::WeakLoad
        | Form::ScalableLoad
        | Form::NonFaultingLoad => Some(false),
        Form::Store
        | Form::OrderedStore
        | Form::UnprivilegedStore
        | Form::ScalableStore
        | Form::ZeroBlock => Some(true),
        // Whether the load or the store of the two is refused first is the CPU's choice.
        Form::Atomic | Form::ExclusiveStore | Form::Hint => None,
    };
    let is_too_far = address >> shown.physical_bits != 0;
    match form {
        Form::Atomic if !shown.atomics => Expected::Undefined,
        Form::WeakLoad if !shown.weak_loads => Expected::Undefined,
        Form::ScalableLoad | Form::ScalableStore | Form::NonFaultingLoad if !shown.scalable => {
            Expected::Undefined
        }
        Form::NonFaultingLoad => Expected::Done,
        // Maintenance may have to translate and may not.
        Form::Hint if is_too_far => Expected::Any(&[
            Expected::Done,
            Expected::Data(Abort { status: Abort::ADDRESS_SIZE | LEVEL_3, is_write: None }),
        ]),
        Form::Hint => Expected::Done,
        _ if is_too_far => data(Abort::ADDRESS_SIZE | LEVEL_3, is_write),
        Form::UnprivilegedLoad | Form::UnprivilegedStore => data(Abort::PERMISSION | LEVEL_3, is_write),
        // An alignment fault by the architecture (Arm ARM C5.3.8, DC ZVA); QEMU 10.0 asks stage 2 only.
        Form::ZeroBlock if memory == Memory::Device => Expected::Any(&[
            Expected::Data(Abort { status: Abort::ALIGNMENT, is_write: Some(true) }),
            Expected::Data(Abort { status: Abort::EXTERNAL, is_write: Some(true) }),
        ]),
        _ if memory == Memory::Device && alignment == Alignment::Off => data(Abort::ALIGNMENT, is_write),
        Form::OrderedLoad | Form::Atomic if memory != Memory::WriteBack => Expected::Any(&[
            Expected::Data(Abort { status: Abort::EXTERNAL, is_write: None }),
            // Exclusives and atomics need not exist for memory that is not write-back (Arm ARM B2.12.2.1).
            Expected::Data(Abort { status: Abort::UNSUPPORTED, is_write: None }),
        ]),
        _ => data(Abort::EXTERNAL, is_write),
    }
}

/// Accesses half of which are the intruder's own.
fn straddle(tally: &mut Tally, what: &str, edge: u64) {
    const HALF: u64 = 4;
    let page = edge - PAGE;
    probe::through_window(page, Memory::WriteBack, |seen| {
        let address = seen + PAGE - HALF;
        let place = Place { address, size: LARGEST };
        let wide = ["ldr x1, [x0]", "ldp x1, x2, [x0]", "ldp w1, w2, [x0]", "ldr q0, [x0]", "str x1, [x0]"];
        for form in FORMS.iter().filter(|form| wide.contains(&form.text)) {
            let left = form.run([address, TRACE, TRACE, 0]);
            let is_right =
                data(Abort::EXTERNAL, Some(form.kind == Form::Store)).admits(&left, 0, Some(place));
            tally.judge(is_right, format_args!("`{}` across {what}: {left}", form.text));
        }
    });
}

/// A page of which all that is known is that it is not the intruder's.
fn random_page(machine: &Machine, physical_bits: u32, random: &mut Random) -> u64 {
    /// A machine has most of what it has below this.
    const LOW: u32 = 33;
    loop {
        let bits = if random.next() & 1 == 0 { LOW } else { physical_bits };
        let address = random.next() >> (64 - bits) & !(PAGE - 1);
        if !machine.owns(address) {
            return address;
        }
    }
}
