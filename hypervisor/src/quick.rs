//! The quick path: exits that come often, answered where the guest left.
//!
//! `vectors.S` comes here from the synchronous exceptions of a 64-bit guest. What is not answered here goes the
//! long way, from the beginning: nothing has happened yet. What is answered returns to the guest without a
//! look at whether its partition is being stopped; its next instruction is fetched through a root that leads
//! nowhere by then.
//!
//! What it costs is `cargo xtask bench`: `hvc_null`, `psci_version`, `gicd_read`, `gicd_isenabler_write`, the
//! SGIs, `id_read`, and `guarded_timer`.

use crate::act;
use crate::cpu::{Cpu, Seat};
use crate::gic::Gic;
use aarch64_cpu::registers::{ELR_EL2, FAR_EL2, HPFAR_EL2, SPSR_EL2};
use bulkhead_core::quick::{self, InterfaceAccess, Place, WordAccess};
use bulkhead_core::{Action, Reason, Registers};
use bulkhead_plan::GicVersion;
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
        _ => return identification(cpu, esr),
    };
    cpu.count(reason);
    step_over();
    Some(cpu)
}

/// Answers the read of an ID register: some kernels ask one of them for every random number as long as they boot. By
/// itself, as are those below, so that none of these paths needs a stack.
#[inline(never)]
extern "C" fn identification(cpu: &mut Cpu, esr: u64) -> Option<&mut Cpu> {
    let (index, register) = quick::identification(esr)?;
    cpu.frame.registers.write(register, cpu.ids?.value(index));
    cpu.count(Reason::SystemRegister);
    step_over();
    Some(cpu)
}

/// Answers the data abort with this ESR_EL2, or returns nothing. In the frame are the general-purpose registers
/// only.
pub(crate) extern "C" fn quick_access(cpu: &mut Cpu, esr: u64) -> Option<&mut Cpu> {
    let Seat { system, partition, .. } = cpu.seat?;
    // An instruction of AArch32 has more than one length.
    if SPSR_EL2.get() & AARCH32 != 0 {
        return None;
    }
    let ipa = faulting();
    let offset = ipa.wrapping_sub(partition.compartment.partition.distributor.0);
    match quick::place(offset) {
        Place::Spis => {}
        Place::OfCpu => return of_cpu(cpu, esr, offset),
        Place::Elsewhere => return interface(cpu, esr, ipa),
    }
    let access = quick::access(esr, &cpu.frame.registers)?;
    // Held across the store, as on the long way.
    let mut model = partition.distributor.lock();
    let bits = model.bits(&partition.compartment.spis, offset, access.store);
    let value = system.distributor.carry_out_bits(offset, bits);
    drop(model);
    cpu.count(Reason::Distributor);
    Some(finish(cpu, &access, value))
}

/// Answers a store to GICD_SGIR, where there is a GICv2.
#[inline(never)]
extern "C" fn of_cpu(cpu: &mut Cpu, esr: u64, offset: u64) -> Option<&mut Cpu> {
    let Seat { system, partition, vcpu } = cpu.seat?;
    if offset != quick::SGIR || partition.compartment.gic != GicVersion::V2 {
        return bank(cpu, esr, offset);
    }
    let value = quick::stored(esr, &cpu.frame.registers)?;
    if let Action::SendSgi { intid, targets } = quick::generate(&partition.compartment, vcpu, value) {
        act::generate_sgi(system, partition, intid, targets);
    }
    cpu.count(Reason::Sgi);
    step_over();
    Some(cpu)
}

/// Answers an access to what the distributor of a GICv2 keeps for the CPU that asks.
#[inline(never)]
extern "C" fn bank(cpu: &mut Cpu, esr: u64, offset: u64) -> Option<&mut Cpu> {
    let Seat { system, partition, .. } = cpu.seat?;
    if partition.compartment.gic != GicVersion::V2 {
        return None;
    }
    let access = quick::access(esr, &cpu.frame.registers)?;
    let value = system.distributor.carry_out_bits(offset, quick::bank(offset, &access)?);
    cpu.count(Reason::Distributor);
    Some(finish(cpu, &access, value))
}

/// Answers an access to the CPU interface of a GICv2, which is trapped for a guarded partition.
#[inline(never)]
extern "C" fn interface(cpu: &mut Cpu, esr: u64, ipa: u64) -> Option<&mut Cpu> {
    let Seat { system, partition, .. } = cpu.seat?;
    let Gic::V2(gic) = &system.gic else { return None };
    let registers = &mut cpu.frame.registers;
    match quick::interface(&partition.compartment, esr, ipa, registers)? {
        InterfaceAccess::Acknowledge => registers.write(quick::register(esr), gic.acknowledge()?.into()),
        InterfaceAccess::End(value) => gic.end(value),
    }
    cpu.count(Reason::Interface);
    step_over();
    Some(cpu)
}

/// Ends an access: a load has this value.
#[inline]
fn finish<'c>(cpu: &'c mut Cpu, access: &WordAccess, value: u32) -> &'c mut Cpu {
    if access.store.is_none() {
        cpu.frame.registers.write(access.register, value.into());
    }
    step_over();
    cpu
}

/// The intermediate physical address of a data abort.
fn faulting() -> u64 {
    HPFAR_EL2.get() >> 4 << 12 | FAR_EL2.get() & 0xfff
}

/// SPSR_EL2.M[4].
const AARCH32: u64 = 1 << 4;

/// Has the guest go on behind the instruction that it has executed.
fn step_over() {
    let (pc, state) = Registers::behind(ELR_EL2.get(), SPSR_EL2.get());
    ELR_EL2.set(pc);
    SPSR_EL2.set(state);
}
