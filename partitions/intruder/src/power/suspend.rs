//! CPU_SUSPEND with every kind of power state.
//!
//! PSCI 1.1 §5.4: a standby is entered and left, a power-down may be downgraded to one, a state that does not
//! exist is refused. An interrupt is pending all the while, so that each call comes back.

use super::{INVALID_ADDRESS, INVALID_PARAMETERS, SUCCESS, call};
use crate::attack::Instruction;
use crate::attack::calls::Call;
use crate::tally::Tally;
use guest_rt::{Machine, gic, timer};

const CPU_SUSPEND: [u64; 2] = [0x8400_0001, 0xc400_0001];
/// power_state, original format: bit 16 is the type, bits 25:24 the level, bits 15:0 the state's own.
const POWER_DOWN: u64 = 1 << 16;
const RESERVED: [u64; 4] = [1 << 17, 1 << 23, 1 << 26, 1 << 31];

/// Suspends.
pub(super) fn attack(tally: &mut Tally, machine: &Machine, conduit: &Instruction<Call>) {
    gic::Private::open(machine).enable(machine.timer);
    timer::set_deadline(timer::now());
    let outside = [0, machine.uart.base, 0xffff_ffff];
    for function in CPU_SUSPEND {
        call(tally, conduit, [function, 0, 0, 0], &[SUCCESS]);
        for state in [1, 0xffff, 1 << 24, 3 << 24] {
            call(tally, conduit, [function, state, 0, 0], &[SUCCESS, INVALID_PARAMETERS]);
        }
        for state in RESERVED {
            call(tally, conduit, [function, state, 0, 0], &[SUCCESS, INVALID_PARAMETERS]);
        }
        for entry in outside {
            let answers = &[SUCCESS, INVALID_PARAMETERS, INVALID_ADDRESS];
            call(tally, conduit, [function, POWER_DOWN, entry, 0], answers);
            call(tally, conduit, [function, POWER_DOWN | 3 << 24, entry, 0], answers);
        }
    }
    timer::stop();
}
