//! The PSCI: whom a CPU may start, where, and what it is told about others.
//!
//! PSCI 1.1 (DEN 0022), functions §5, parameters §5.6 and §5.7, errors §5.2.2. CPUs that the partition does not
//! have do not exist for it, and neither do addresses outside its memory.

mod features;
mod storm;
mod suspend;

use crate::attack::calls::{CALLS, Call};
use crate::attack::{Instruction, Left};
use crate::random::Random;
use crate::tally::Tally;
use crate::target::Targets;
use guest_rt::Machine;

/// Attacks by the PSCI.
pub(crate) fn attack(machine: &'static Machine, targets: &Targets, random: &mut Random) -> Tally {
    let mut tally = Tally::new("PSCI");
    for conduit in CALLS.iter().filter(|conduit| conduit.kind == Call::Convention) {
        malformed(&mut tally, machine, conduit);
        foreign(&mut tally, machine, conduit);
        entries(&mut tally, machine, targets, conduit);
        levels(&mut tally, machine, conduit);
        features::attack(&mut tally, conduit, random);
        suspend::attack(&mut tally, machine, conduit);
    }
    storm::attack(&mut tally, machine);
    tally
}

/// CPU_ON and AFFINITY_INFO, of 32 and of 64 bits.
const CPU_ON: [u64; 2] = [0x8400_0003, 0xc400_0003];
const AFFINITY_INFO: [u64; 2] = [0x8400_0004, 0xc400_0004];

const ON: i64 = 0;
const OFF: i64 = 1;
const SUCCESS: i64 = 0;
const NOT_SUPPORTED: i64 = -1;
const INVALID_PARAMETERS: i64 = -2;
const ALREADY_ON: i64 = -4;
const INVALID_ADDRESS: i64 = -9;

/// MPIDR_EL1: RES1, U and MT, which a caller that passes the whole register has not taken out. To let them pass
/// is usual, to refuse them is right: they must be zero (§5.6.1).
const NOT_AFFINITY: u64 = 1 << 31 | 1 << 30 | 1 << 24;

/// Each bit that is not zero in the caller's own affinity, set in it.
fn malformed(tally: &mut Tally, machine: &Machine, conduit: &Instruction<Call>) {
    let own = machine.cpus()[0];
    let entry = inside(machine);
    for bit in (0..64).map(|bit| 1 << bit).filter(|bit| own & bit == 0) {
        let target = own | bit;
        if machine.cpus().contains(&target) {
            continue;
        }
        let fits = |function: u64| function >> 30 & 1 == 1 || bit <= u64::from(u32::MAX);
        let is_usual = bit & NOT_AFFINITY != 0;
        for function in CPU_ON.into_iter().filter(|function| fits(*function)) {
            let expected: &[i64] =
                if is_usual { &[INVALID_PARAMETERS, ALREADY_ON] } else { &[INVALID_PARAMETERS] };
            call(tally, conduit, [function, target, entry, 0], expected);
        }
        for function in AFFINITY_INFO.into_iter().filter(|function| fits(*function)) {
            let expected: &[i64] = if is_usual { &[INVALID_PARAMETERS, ON] } else { &[INVALID_PARAMETERS] };
            call(tally, conduit, [function, target, 0, 0], expected);
        }
    }
}

/// CPUs that the board may have and the partition has not.
fn foreign(tally: &mut Tally, machine: &Machine, conduit: &Instruction<Call>) {
    let clusters = [0, 1, 2, 0xff].into_iter().flat_map(|cluster| (0..32).map(move |cpu| cluster << 8 | cpu));
    let far = [1 << 16, 0xff << 16, 1 << 32, 0xff << 32, 0xff_00ff_ffff, u64::MAX];
    for target in clusters.chain(far).filter(|target| !machine.cpus().contains(target)) {
        let wide = usize::from(target > u64::from(u32::MAX));
        for function in CPU_ON[wide..].iter().chain(&AFFINITY_INFO[wide..]) {
            let entry = if CPU_ON.contains(function) { inside(machine) } else { 0 };
            call(tally, conduit, [*function, target, entry, 0], &[INVALID_PARAMETERS]);
        }
    }
}

/// Entry points that are not the partition's: for itself, which is on, and for a CPU that is off.
fn entries(tally: &mut Tally, machine: &Machine, targets: &Targets, conduit: &Instruction<Call>) {
    let outside = targets.all().iter().map(|target| target.address);
    let edges =
        machine.memory().iter().flat_map(|ram| [ram.base - 4, ram.base + ram.size, ram.base | 1 << 63]);
    let gic = [machine.distributor, machine.redistributors, machine.cpu_interface].map(|frame| frame.base);
    let devices = gic.into_iter().chain([machine.uart.base]);
    let odd = (1..4).map(|off| inside(machine) + off);
    for entry in outside.chain(edges).chain(devices).chain(odd).chain([u64::MAX, !3, 1 << 63]) {
        let wide = usize::from(entry > u64::from(u32::MAX));
        for function in CPU_ON[wide..].iter().copied() {
            let own = [function, machine.cpus()[0], entry, 0];
            call(tally, conduit, own, &[ALREADY_ON, INVALID_ADDRESS]);
            if let Some(other) = machine.cpus().get(1) {
                call(tally, conduit, [function, *other, entry, 0], &[INVALID_ADDRESS]);
            }
        }
    }
}

/// AFFINITY_INFO of own CPUs, at every level; above 0 there is nothing to know since PSCI 1.0 (§5.7.1).
fn levels(tally: &mut Tally, machine: &Machine, conduit: &Instruction<Call>) {
    for (number, cpu) in machine.cpus().iter().enumerate() {
        for function in AFFINITY_INFO {
            let state = if number == 0 { ON } else { OFF };
            call(tally, conduit, [function, *cpu, 0, 0], &[state]);
            for level in [1, 2, 3, 4, 0x8000_0000, 0xffff_ffff] {
                call(tally, conduit, [function, *cpu, level, 0], &[INVALID_PARAMETERS]);
            }
        }
    }
}

/// An address at which a CPU may begin.
fn inside(machine: &Machine) -> u64 {
    machine.memory().first().map_or(0, |ram| ram.base)
}

fn call(tally: &mut Tally, conduit: &Instruction<Call>, arguments: [u64; 4], expected: &[i64]) {
    let left = conduit.run(arguments);
    let [function, a, b, c] = arguments;
    let is_right = left.fault.is_none() && expected.contains(&result(function, &left));
    tally.judge(
        is_right,
        format_args!(
            "`{}` {function:#x} ({a:#x}, {b:#x}, {c:#x}): {left}, expected {expected:?}",
            conduit.text
        ),
    );
}

/// What the function returned: 32 bits, and for one of 64 bits the same with its sign.
fn result(function: u64, left: &Left) -> i64 {
    let [x0, ..] = left.registers;
    if function >> 30 & 1 == 1 { x0.cast_signed() } else { x0.cast_signed() << 32 >> 32 }
}
