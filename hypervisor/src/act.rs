//! The only place where a decision reaches hardware.
//!
//! An [`Action`] says what is to be done; here it is done, and nothing is decided but what only hardware
//! knows: whether the firmware will, and whether the console is free.

use crate::berth;
use crate::cache;
use crate::console;
use crate::cpu::Departure;
use crate::firmware::{self, Answer};
use crate::gic;
use crate::order;
use crate::partition::Partition;
use crate::registers::{
    ICC_BPR1_EL1, ICC_CTLR_EL1, ICC_DIR_EL1, ICC_EOIR1_EL1, ICC_HPPIR1_EL1, ICC_IAR1_EL1, ICC_IGRPEN1_EL1,
    ICC_PMR_EL1, ICC_RPR_EL1,
};
use crate::stop;
use crate::system::System;
use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{ELR_EL1, ESR_EL1, FAR_EL1, HCR_EL2, SCTLR_EL1, SPSR_EL1, VBAR_EL1};
use bulkhead_core::console::Pushed;
use bulkhead_core::inject::{self, Before, Exception};
use bulkhead_core::uart::UartAccess;
use bulkhead_core::{
    Action, Cause, FaultKind, Interface, Mmio, PowerAction, Psci, Registers, Return, Why, control_of_guest,
    cpu_frame, redistributor as model,
};
use bulkhead_plan::GicVersion;
use tock_registers::interfaces::{Readable, Writeable};

/// How a CPU goes on after an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Back to the guest.
    Resume,
    /// Away from it.
    Depart(Departure),
    /// Nowhere: it has failed.
    Fail(FaultKind),
}

/// Does what `action` says, for vCPU `vcpu` with these registers.
pub(crate) fn carry_out(
    system: &System,
    partition: &Partition,
    vcpu: usize,
    registers: &mut Registers,
    action: Action,
) -> Flow {
    match action {
        Action::Resume => {}
        Action::Inject(exception) => return inject(registers, exception),
        Action::SendSgi { intid, targets } => match partition.compartment.gic {
            GicVersion::V2 => generate_sgi(system, partition, intid, targets),
            GicVersion::V3 => send_sgi(partition, intid, targets),
        },
        Action::ReadInterface { interface, register } => registers.write(register, read_interface(interface)),
        Action::WriteInterface { interface, value } => write_interface(interface, value),
        Action::Distributor { offset, access } => {
            // Held across the store, so that two CPUs of the partition cannot leave hardware and model apart;
            // for at most 32 stores, and nobody else's.
            let mut model = partition.distributor.lock();
            let physical = model.access(&partition.compartment, vcpu, offset, &access);
            let value = system.distributor.carry_out(&partition.compartment, physical);
            drop(model);
            finish(registers, &access, value);
        }
        Action::CpuInterface { offset, access } => {
            let physical = cpu_frame::access(&partition.compartment, offset, &access);
            finish(registers, &access, system.gic.access_interface(physical));
        }
        Action::Redistributor { vcpu, offset, access } => {
            let physical = model::access(&partition.compartment, vcpu, offset, &access);
            let frame = system.gic.redistributor(partition.cpu_index(vcpu));
            finish(registers, &access, frame.map_or(0, |frame| frame.carry_out(physical)));
        }
        Action::Uart { offset, access, again } => {
            uart(system, partition, registers, (offset, &access, again))
        }
        Action::InvalidateInstructions(reach) => cache::invalidate_instructions(reach),
        Action::Psci(call) => return psci(system, partition, vcpu, registers, call),
        Action::Order(order) => order::carry_out(system, partition, registers, order),
        Action::Firmware => firmware::forward(registers, partition.compartment.partition.vmid),
        Action::Wait => wait_for_interrupt(system),
        Action::RefuseFiqs if system.gic.refuse_fiqs() => {}
        Action::RefuseFiqs => return Flow::Fail(FaultKind::Interrupt),
    }
    Flow::Resume
}

fn inject(registers: &mut Registers, exception: Exception) -> Flow {
    let before = Before { pstate: registers.pstate, vbar: VBAR_EL1.get(), sctlr: SCTLR_EL1.get() };
    let after = inject::take(exception, before);
    if inject::is_endless(exception, registers.pc, &after) {
        return Flow::Fail(FaultKind::Vector);
    }
    ELR_EL1.set(registers.pc);
    SPSR_EL1.set(registers.pstate);
    ESR_EL1.set(after.esr);
    if let Some(far) = after.far {
        FAR_EL1.set(far);
    }
    registers.pc = after.pc;
    registers.pstate = after.pstate;
    Flow::Resume
}

/// Sends SGI `intid` to the vCPUs whose bits are set, after everything that this CPU has written.
#[inline]
pub(crate) fn send_sgi(partition: &Partition, intid: u64, targets: u64) {
    barrier::dsb(barrier::ISHST);
    let mut left = targets;
    while left != 0 {
        if let Some(signal) = partition.signals.get(left.trailing_zeros() as usize) {
            gic::send(signal | intid << 24);
        }
        left &= left - 1;
    }
}

/// The same where there is a GICv2.
#[inline]
pub(crate) fn generate_sgi(system: &System, partition: &Partition, intid: u64, targets: u64) {
    let (mut list, mut left) = (intid, targets);
    while left != 0 {
        list |= partition.signals.get(left.trailing_zeros() as usize).copied().unwrap_or(0);
        left &= left - 1;
    }
    system.distributor.generate_sgi(list);
}

/// Reads a physical register of the CPU interface, as the guest is to see it.
#[inline]
pub(crate) fn read_interface(interface: Interface) -> u64 {
    match interface {
        Interface::PriorityMask => ICC_PMR_EL1::read(),
        Interface::Control => control_of_guest(ICC_CTLR_EL1::read(), None),
        Interface::RunningPriority => ICC_RPR_EL1::read(),
        Interface::Acknowledge => ICC_IAR1_EL1::read(),
        Interface::HighestPending => ICC_HPPIR1_EL1::read(),
        Interface::BinaryPoint => ICC_BPR1_EL1::read(),
        Interface::GroupEnable => ICC_IGRPEN1_EL1::read(),
        Interface::Active(register) => gic::active_priorities(register),
        Interface::Deactivate | Interface::End => 0,
    }
}

/// Writes a physical register of the CPU interface, for what synchronizes next: the return to the guest.
#[inline]
pub(crate) fn write_interface(interface: Interface, value: u64) {
    match interface {
        Interface::PriorityMask => ICC_PMR_EL1::write(value),
        Interface::Control => ICC_CTLR_EL1::write(control_of_guest(ICC_CTLR_EL1::read(), Some(value))),
        Interface::Deactivate => ICC_DIR_EL1::write(value),
        Interface::End => ICC_EOIR1_EL1::write(value),
        Interface::BinaryPoint => ICC_BPR1_EL1::write(value),
        Interface::GroupEnable => ICC_IGRPEN1_EL1::write(value),
        Interface::Active(register) => gic::set_active_priorities(register, value),
        Interface::RunningPriority | Interface::Acknowledge | Interface::HighestPending => {}
    }
}

fn uart(
    system: &System,
    partition: &Partition,
    registers: &mut Registers,
    (offset, access, again): (u64, &Mmio, (u64, u64)),
) {
    // Held until the line is where the model has it, so that another CPU's access cannot come in between.
    let mut model = partition.uart.lock();
    let value = match model.access(offset, access) {
        UartAccess::Value(value) => value,
        UartAccess::Transmit(byte) => {
            match partition.say(byte) {
                Pushed::Done => model.transmitted(),
                Pushed::Later => (registers.pc, registers.pstate) = again,
            }
            0
        }
        UartAccess::Flags => partition.uart_flags(),
    };
    if let Some(intid) = partition.uart_interrupt() {
        system.distributor.drive(intid, model.line());
    }
    drop(model);
    console::carry();
    finish(registers, access, value);
}

/// Ends a load with `value`; a store is over.
fn finish(registers: &mut Registers, access: &Mmio, value: u64) {
    if access.store.is_none() {
        access.load(registers, value);
    }
}

fn psci(system: &System, partition: &Partition, vcpu: usize, registers: &mut Registers, call: Psci) -> Flow {
    let compartment = &partition.compartment;
    let mut action = partition.power.lock().call(compartment, vcpu, call);
    if let PowerAction::Ask { target, otherwise } = action {
        action = match berth::is_off(system, partition.cpu_index(target)) {
            false => PowerAction::Return(otherwise),
            true => {
                let mut power = partition.power.lock();
                power.is_off(target);
                power.call(compartment, vcpu, call)
            }
        };
    }
    let answer = match action {
        PowerAction::Return(answer) | PowerAction::Ask { otherwise: answer, .. } => answer,
        PowerAction::Start(target) => start(system, partition, target),
        PowerAction::Wait => {
            wait_for_interrupt(system);
            Return::SUCCESS
        }
        PowerAction::Off => return Flow::Depart(Departure::Off),
        PowerAction::End(cause) => {
            stop::begin(system, partition, if cause == Cause::Reset { Why::Reset } else { Why::Off });
            return Flow::Depart(Departure::Stop);
        }
    };
    registers.write(0, answer.0.cast_unsigned());
    Flow::Resume
}

fn start(system: &System, partition: &Partition, target: usize) -> Return {
    let answer = berth::start(system, partition.cpu_index(target));
    if answer.is_success() {
        return Return::SUCCESS;
    }
    partition.power.lock().start_failed(target, answer == Answer::ALREADY_ON)
}

/// Sleeps until an interrupt is pending for the guest. An interrupt that cannot be taken where the CPU is
/// does not end WFI (Arm ARM D1.7.2.1), and with IMO = 0 the guest's cannot be taken at EL2. So for that
/// while they are EL2's, and masked: they wake it and stay pending.
///
/// A guest that has masked itself so that nothing could wake it does not sleep at all: it has to notice
/// that it is stopped.
fn wait_for_interrupt(system: &System) {
    if !system.gic.may_sleep() {
        return;
    }
    let hcr = HCR_EL2.get();
    HCR_EL2.set(hcr | HCR_EL2::IMO::SET.value);
    barrier::isb(barrier::SY);
    barrier::dsb(barrier::SY);
    aarch64_cpu::asm::wfi();
    HCR_EL2.set(hcr);
    barrier::isb(barrier::SY);
}
