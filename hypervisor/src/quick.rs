//! The quick path: exits that come often, answered where the guest left.
//!
//! `vectors.S` comes here from the synchronous exceptions of a 64-bit guest. What is not answered here goes the
//! long way, from the beginning: nothing has happened yet. What is answered returns to the guest without a
//! look at whether its partition is being stopped; its next instruction is fetched through a root that leads
//! nowhere by then.
//!
//! What it costs is `cargo xtask bench`: `hvc_null`, `psci_version`, `gicd_read`, `gicd_isenabler_write`, the
//! SGIs, and `guarded_timer`.

use crate::act;
use crate::cpu::{Cpu, Seat};
use aarch64_cpu::registers::{ELR_EL2, FAR_EL2, HPFAR_EL2, SPSR_EL2};
use bulkhead_core::{Action, Reason, Registers, quick};
use tock_registers::interfaces::{Readable, Writeable};

/// Answers an `HVC`, or returns nothing. Of the guest's registers only those are in the frame that a function
/// may change.
pub(crate) extern "C" fn quick_call(cpu: &mut Cpu) -> Option<&mut Cpu> {
    let seat = cpu.seat.as_ref()?;
    let [function, ..] = cpu.frame.registers.x;
    let answer = quick::call(&seat.partition.compartment, function)?;
    #[cfg(feature = "slower")]
    crate::mark::waste();
    cpu.frame.registers.x[0] = answer.0.cast_unsigned();
    cpu.count(Reason::Call);
    Some(cpu)
}

/// Answers the trapped register with this ESR_EL2, or returns nothing. In the frame are the general-purpose
/// registers only.
pub(crate) extern "C" fn quick_system(cpu: &mut Cpu, esr: u64) -> Option<&mut Cpu> {
    let Seat { partition, vcpu, .. } = cpu.seat?;
    let registers = &mut cpu.frame.registers;
    let reason = match quick::system(&partition.compartment, vcpu, esr, registers) {
        Some(Action::Resume) => Reason::Sgi,
        Some(Action::SendSgi { intid, targets }) => {
            act::send_sgi(partition, intid, targets);
            Reason::Sgi
        }
        Some(Action::ReadInterface { interface, register }) => {
            registers.write(register, act::read_interface(interface));
            Reason::Interface
        }
        Some(Action::WriteInterface { interface, value }) => {
            act::write_interface(interface, value);
            Reason::Interface
        }
        _ => return None,
    };
    cpu.count(reason);
    step_over(SPSR_EL2.get());
    Some(cpu)
}

/// Answers the access with this ESR_EL2, or returns nothing. In the frame are the general-purpose registers
/// only.
pub(crate) extern "C" fn quick_access(cpu: &mut Cpu, esr: u64) -> Option<&mut Cpu> {
    let Seat { system, partition, .. } = cpu.seat?;
    let state = SPSR_EL2.get();
    // An instruction of AArch32 has more than one length.
    if esr >> 26 != DATA_ABORT || state & AARCH32 != 0 {
        return None;
    }
    let registers = &mut cpu.frame.registers;
    let Some(access) = quick::access(&partition.compartment, esr, faulting(), registers) else {
        return generate(cpu, esr);
    };
    // Held across the store, as on the long way.
    let mut model = partition.distributor.lock();
    let bits = model.bits(&partition.compartment.spis, access.offset, access.store);
    let value = system.distributor.carry_out_bits(access.offset, bits);
    drop(model);
    if access.store.is_none() {
        registers.write(access.register, u64::from(value));
    }
    cpu.count(Reason::Distributor);
    step_over(state);
    Some(cpu)
}

/// Answers a store to GICD_SGIR. By itself, so that the path above needs no stack.
#[inline(never)]
extern "C" fn generate(cpu: &mut Cpu, esr: u64) -> Option<&mut Cpu> {
    let Seat { system, partition, vcpu } = cpu.seat?;
    let registers = &cpu.frame.registers;
    let action = quick::generate(&partition.compartment, vcpu, esr, faulting(), registers)?;
    if let Action::SendSgi { intid, targets } = action {
        act::generate_sgi(system, partition, intid, targets);
    }
    cpu.count(Reason::Sgi);
    step_over(SPSR_EL2.get());
    Some(cpu)
}

/// The intermediate physical address of a data abort.
fn faulting() -> u64 {
    HPFAR_EL2.get() >> 4 << 12 | FAR_EL2.get() & 0xfff
}

const DATA_ABORT: u64 = 0x24;

/// SPSR_EL2.M[4].
const AARCH32: u64 = 1 << 4;

/// Has the guest go on behind the instruction that was executed in this state.
fn step_over(state: u64) {
    let (pc, state) = Registers::behind(ELR_EL2.get(), state);
    ELR_EL2.set(pc);
    SPSR_EL2.set(state);
}
