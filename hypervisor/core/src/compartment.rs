//! A partition as its exits see it: who asks, and what is theirs.
//!
//! [`Compartment::on_exit`] is the heart of EL2: it turns the syndrome of an exit into the one action that
//! answers it. It changes nothing but the guest's registers.

use crate::abort::Abort;
use crate::call::{Call, Psci, Return};
use crate::cpu_interface::Interface;
use crate::exit::{Exit, Syndrome};
use crate::inject::Exception;
use crate::mmio::{Mmio, Width};
use crate::nature::Nature;
use crate::order::Order;
use crate::reason::Reason;
use crate::registers::Registers;
use crate::sgi;
use crate::spi::SpiSet;
use bulkhead_plan::{Cpu, Function, GicVersion, Ipa, Partition, Plan, Region, RegionKind};

/// What a partition owns, from the plan.
#[derive(Clone, Copy, Debug)]
pub struct Compartment<'p> {
    /// The partition.
    pub partition: &'p Partition,
    /// Its CPUs: the position is the vCPU number.
    pub cpus: &'p [Cpu],
    /// Its vCPUs, by bit.
    pub(crate) everybody: u64,
    /// Its SPIs.
    pub spis: SpiSet,
    /// What interrupt controller the board has.
    pub gic: GicVersion,
    /// From its first region of RAM to its last.
    ram: &'p [Region],
    functions: &'p [Function],
}

/// What EL2 does about an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing is left to do.
    Resume,
    /// The guest takes an exception.
    Inject(Exception),
    /// Send SGI `intid` to the vCPUs whose bits are set.
    SendSgi {
        /// 0 to 15.
        intid: u64,
        /// Bit n: vCPU n.
        targets: u64,
    },
    /// Read a physical register of the CPU interface into guest register `register`.
    ReadInterface {
        /// Which.
        interface: Interface,
        /// General-purpose register number.
        register: u8,
    },
    /// Write a physical register of the CPU interface.
    WriteInterface {
        /// Which.
        interface: Interface,
        /// What the guest wrote.
        value: u64,
    },
    /// An access to the distributor.
    Distributor {
        /// Bytes from its base.
        offset: u64,
        /// The access.
        access: Mmio,
    },
    /// An access to the CPU interface of a GICv2.
    CpuInterface {
        /// Bytes from its base.
        offset: u64,
        /// The access.
        access: Mmio,
    },
    /// An access to the redistributor of vCPU `vcpu`.
    Redistributor {
        /// Whose.
        vcpu: usize,
        /// Bytes from its RD_base.
        offset: u64,
        /// The access.
        access: Mmio,
    },
    /// An access to the virtual UART.
    Uart {
        /// Bytes from its base.
        offset: u64,
        /// The access.
        access: Mmio,
        /// Program counter and processor state before it, to have it made again.
        again: (u64, u64),
    },
    /// Invalidate instruction caches.
    InvalidateInstructions(Reach),
    /// A power call.
    Psci(Psci),
    /// A call about a partition that this one controls.
    Order(Order),
    /// Have the firmware answer the call: x0 to x6 are its arguments, x0 to x3 its results.
    Firmware,
    /// Wait for an interrupt, if one could end the wait.
    Wait,
    /// Turn off that interrupts of this CPU are FIQs.
    RefuseFiqs,
}

/// How far a maintenance operation reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The CPU that executes it.
    ThisCpu,
    /// Every CPU of the inner shareable domain: the whole board.
    InnerShareable,
}

/// Bytes of one redistributor's two frames, of a UART's.
const REDISTRIBUTOR: u64 = 0x2_0000;
const UART: u64 = 0x1000;

/// MPIDR_EL1 bits that say nothing about affinity: RES1, U and MT (Arm ARM, MPIDR_EL1).
const NOT_AFFINITY: u64 = 1 << 31 | 1 << 30 | 1 << 24;

impl<'p> Compartment<'p> {
    /// What `partition` owns in `plan`.
    pub fn new(plan: &Plan<'p>, partition: &'p Partition) -> Self {
        let interrupts = partition.interrupts.of(plan.interrupts).unwrap_or_default();
        let cpus = partition.cpus.of(plan.cpus).unwrap_or_default();
        Self {
            partition,
            cpus,
            everybody: cpus.iter().fold(0, |everybody, _| everybody << 1 | 1),
            spis: SpiSet::new(interrupts.iter().map(|interrupt| interrupt.intid)),
            ram: from_first_to_last_ram(partition.regions.of(plan.regions).unwrap_or_default()),
            functions: partition.functions.of(plan.functions).unwrap_or_default(),
            gic: plan.board.gic,
        }
    }

    /// What an exit of vCPU `caller` means, for the counters and for hardware.
    pub fn on_exit(
        &self,
        caller: usize,
        nature: &Nature,
        registers: &mut Registers,
        syndrome: &Syndrome,
    ) -> (Reason, Action) {
        match Exit::decode(syndrome) {
            Exit::Hvc => (Reason::Call, self.on_call(nature, registers)),
            Exit::Smc => {
                registers.skip();
                (Reason::Call, self.on_call(nature, registers))
            }
            Exit::Wait(wait) => (Reason::Wait, wait.answer(registers)),
            Exit::System(access) => access.answer(self, caller, nature, registers),
            Exit::Data(abort) => self.on_data_abort(caller, registers, &abort),
            Exit::Fetch(abort) => (Reason::Abort, Action::Inject(abort.as_fetch())),
            Exit::Undefined => (Reason::Undefined, Action::Inject(Exception::Undefined)),
        }
    }

    /// What an FIQ means that is taken at EL2. Group 0 of a GICv3 is off, so none comes. On a GICv2 it is the
    /// guest that has asked for its interrupts as FIQs, in a register that is its own (GICC_CTLR.FIQEn).
    pub const fn on_fiq(&self) -> Option<Action> {
        match self.gic {
            GicVersion::V2 => Some(Action::RefuseFiqs),
            GicVersion::V3 => None,
        }
    }

    /// The vCPU that a guest names by this MPIDR.
    pub fn cpu_of(&self, mpidr: u64) -> Option<usize> {
        // They are 16 to a cluster (`bulkhead_plan::verify`).
        let affinity = mpidr & !NOT_AFFINITY;
        let vcpu = usize::try_from(affinity >> 4 | affinity & 0xf).ok()?;
        (affinity & 0xf0 == 0 && vcpu < self.cpus.len()).then_some(vcpu)
    }

    /// Whether a CPU may begin at this address: an instruction of the partition's RAM.
    pub(crate) fn may_run(&self, entry: u64) -> bool {
        entry.is_multiple_of(4)
            && self.ram.iter().any(|region| {
                let offset = entry.checked_sub(region.ipa.0);
                region.kind == RegionKind::Ram && offset.is_some_and(|offset| offset < region.span.size)
            })
    }

    /// Whether the partition may deactivate the interrupt that it has written to ICC_DIR_EL1: its own, or
    /// one that is banked per CPU.
    pub(crate) fn may_deactivate(&self, value: u64) -> bool {
        let intid = u32::try_from(value & 0xff_ffff).unwrap_or(u32::MAX);
        intid < 32 || self.spis.contains(intid)
    }

    /// Whether the partition may have the firmware answer function `id`.
    pub(crate) fn may_call(&self, id: u32) -> bool {
        self.functions.iter().any(|function| function.id == id)
    }

    /// Whether there are any.
    pub(crate) const fn has_functions(&self) -> bool {
        !self.functions.is_empty()
    }

    fn on_call(&self, nature: &Nature, registers: &mut Registers) -> Action {
        match Call::decode(self, &nature.workarounds, registers) {
            Call::Answer(Return(value)) => {
                registers.write(0, value.cast_unsigned());
                Action::Resume
            }
            Call::Words(words) => {
                (0..).zip(words).for_each(|(number, word)| registers.write(number, word));
                Action::Resume
            }
            Call::Psci(call) => Action::Psci(call),
            Call::Order(order) => Action::Order(order),
            Call::Firmware => Action::Firmware,
        }
    }

    fn on_data_abort(&self, caller: usize, registers: &mut Registers, abort: &Abort) -> (Reason, Action) {
        if abort.is_on_walk() || !abort.is_unmapped() {
            return (Reason::Abort, Action::Inject(abort.as_data()));
        }
        if abort.is_maintenance() {
            registers.skip_as(abort.esr());
            return (Reason::Abort, Action::Resume);
        }
        match (self.frame(abort.ipa), Mmio::decode(abort.esr(), registers)) {
            (Some(frame), Some(access)) => {
                let again = (registers.pc, registers.pstate);
                registers.skip_as(abort.esr());
                frame.answer(self, caller, (access, again))
            }
            _ => (Reason::Abort, Action::Inject(abort.as_data())),
        }
    }

    /// The trapped frame at `ipa`.
    fn frame(&self, ipa: Ipa) -> Option<Frame> {
        let within = |base: Ipa, size: u64| ipa.0.checked_sub(base.0).filter(|offset| *offset < size);
        let partition = self.partition;
        if let Some(offset) = within(partition.distributor, self.gic.distributor_size()) {
            return Some(Frame::Distributor(offset));
        }
        if let Some(offset) = within(partition.cpu_interface, self.gic.cpu_interface_size()) {
            return Some(Frame::CpuInterface(offset));
        }
        if let Some(offset) = within(partition.redistributors, self.redistributors_size()) {
            let vcpu = usize::try_from(offset.wrapping_div(REDISTRIBUTOR)).ok()?;
            return Some(Frame::Redistributor(vcpu, offset.wrapping_rem(REDISTRIBUTOR)));
        }
        within(partition.uart, UART).filter(|_| partition.uart != Ipa(0)).map(Frame::Uart)
    }

    fn redistributors_size(&self) -> u64 {
        let vcpus = u64::try_from(self.cpus.len()).unwrap_or(0);
        match self.gic {
            GicVersion::V2 => 0,
            GicVersion::V3 => vcpus.saturating_mul(REDISTRIBUTOR),
        }
    }
}

/// How many devices a partition has makes no difference to what is looked for in its RAM.
fn from_first_to_last_ram(regions: &[Region]) -> &[Region] {
    let is_ram = |region: &Region| region.kind == RegionKind::Ram;
    let first = regions.iter().position(is_ram);
    let last = regions.iter().rposition(is_ram);
    first.zip(last).and_then(|(first, last)| regions.get(first..=last)).unwrap_or_default()
}

#[derive(Clone, Copy)]
enum Frame {
    Distributor(u64),
    CpuInterface(u64),
    Redistributor(usize, u64),
    Uart(u64),
}

/// Offset of GICD_SGIR, where there is a GICv2.
pub const SGIR: u64 = 0xf00;

impl Frame {
    fn answer(
        self,
        compartment: &Compartment<'_>,
        caller: usize,
        (access, again): (Mmio, (u64, u64)),
    ) -> (Reason, Action) {
        let has_sgir = compartment.gic == GicVersion::V2;
        match (self, access.store) {
            (Self::Distributor(SGIR), Some(value)) if has_sgir && access.width == Width::Word => {
                (Reason::Sgi, sgi::generate(compartment, caller, value))
            }
            (Self::Distributor(offset), _) => (Reason::Distributor, Action::Distributor { offset, access }),
            (Self::CpuInterface(offset), _) => (Reason::Interface, Action::CpuInterface { offset, access }),
            (Self::Redistributor(vcpu, offset), _) => {
                (Reason::Redistributor, Action::Redistributor { vcpu, offset, access })
            }
            (Self::Uart(offset), _) => (Reason::Uart, Action::Uart { offset, access, again }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use bulkhead_plan::sample::Sample;
    use proptest::prelude::any;
    use proptest::{prop_assert, proptest};

    fn with<T>(mut sample: Sample, index: usize, test: impl FnOnce(&Compartment<'_>) -> T) -> T {
        sample.partitions[1].uart = Ipa(0x0900_0000);
        let bytes = sample.encode();
        let plan = Plan::decode(bytes.bytes()).unwrap();
        test(&Compartment::new(&plan, &plan.partitions[index]))
    }

    /// The partition of the sample with CPUs 0 and 1, SPIs 33 and 79, RAM at 0x4000_0000 to 0x4100_0000.
    pub(crate) fn with_first<T>(test: impl FnOnce(&Compartment<'_>) -> T) -> T {
        with(Sample::default(), 0, test)
    }

    /// The partition of the sample with CPU 2, SPI 40 and a virtual UART.
    pub(crate) fn with_second<T>(test: impl FnOnce(&Compartment<'_>) -> T) -> T {
        with(Sample::default(), 1, test)
    }

    /// The first partition where there is a GICv2; its CPUs have interfaces 2 and 5, the other's has 1.
    pub(crate) fn with_gicv2<T>(test: impl FnOnce(&Compartment<'_>) -> T) -> T {
        let mut sample = Sample::with_gicv2();
        (sample.cpus[0].interface, sample.cpus[1].interface, sample.cpus[2].interface) = (2, 5, 1);
        with(sample, 0, test)
    }

    fn exit(
        compartment: &Compartment<'_>,
        syndrome: Syndrome,
        registers: &mut Registers,
    ) -> (Reason, Action) {
        compartment.on_exit(0, &Nature::plain(), registers, &syndrome)
    }

    fn data_abort(ipa: u64, iss: u64) -> Syndrome {
        Syndrome { esr: 0x24 << 26 | 1 << 25 | iss | 0b000_111, far: ipa & 0xfff, hpfar: ipa >> 12 << 4 }
    }

    const LOAD_WORD: u64 = 1 << 24 | 2 << 22 | 1 << 16;

    #[test]
    fn an_smc_is_stepped_over_and_an_hvc_already_was() {
        with_first(|first| {
            let mut registers = Registers::new([0x8400_0000; 31], 0x1000, 0);
            exit(first, Syndrome { esr: 0x17 << 26, far: 0, hpfar: 0 }, &mut registers);
            assert_eq!((registers.pc, registers.x[0]), (0x1004, 0x1_0001));
            exit(first, Syndrome { esr: 0x16 << 26, far: 0, hpfar: 0 }, &mut registers);
            assert_eq!(registers.pc, 0x1004);
        });
    }

    #[test]
    fn trapped_frames_are_told_apart() {
        with_second(|second| {
            let reason = |ipa| exit(second, data_abort(ipa, LOAD_WORD), &mut Registers::default()).0;
            assert_eq!(reason(0x0800_0000), Reason::Distributor);
            assert_eq!(reason(0x0800_ffff), Reason::Distributor);
            assert_eq!(reason(0x0801_0000), Reason::Abort);
            assert_eq!(reason(0x080a_0008), Reason::Redistributor);
            assert_eq!(reason(0x080b_1000), Reason::Redistributor);
            assert_eq!(reason(0x080c_0000), Reason::Abort, "one CPU has one redistributor");
            assert_eq!(reason(0x0900_0018), Reason::Uart);
        });
        with_first(|first| {
            let none = exit(first, data_abort(0x18, LOAD_WORD), &mut Registers::default());
            assert_eq!(none.0, Reason::Abort, "no virtual UART does not mean one at address 0");
        });
    }

    const STORE_WORD: u64 = LOAD_WORD | 1 << 6;

    #[test]
    fn a_gicv2_has_other_frames() {
        with_gicv2(|first| {
            let reason = |ipa, access| exit(first, data_abort(ipa, access), &mut Registers::default()).0;
            assert_eq!(reason(0x0800_0ffc, LOAD_WORD), Reason::Distributor);
            assert_eq!(reason(0x0800_1000, LOAD_WORD), Reason::Abort);
            assert_eq!(reason(0x0801_0000, LOAD_WORD), Reason::Interface);
            assert_eq!(reason(0x0801_1000, STORE_WORD), Reason::Interface);
            assert_eq!(reason(0x0801_2000, LOAD_WORD), Reason::Abort);
            assert_eq!(reason(0x080a_0008, LOAD_WORD), Reason::Abort);
            assert_eq!(reason(0x0800_0f00, STORE_WORD), Reason::Sgi);
            assert_eq!(reason(0x0800_0f00, LOAD_WORD), Reason::Distributor, "it cannot be read");
            assert_eq!(first.on_fiq(), Some(Action::RefuseFiqs));
        });
        with_first(|first| {
            let sgir = exit(first, data_abort(0x0800_0f00, STORE_WORD), &mut Registers::default());
            assert_eq!(sgir.0, Reason::Distributor, "a GICv3 with affinity routing has no GICD_SGIR");
            assert_eq!(first.on_fiq(), None);
        });
    }

    #[test]
    fn a_byte_can_be_sent_again_from_where_it_was_sent() {
        // In the one instruction of an IT block of T32, two bytes long (IL = 0): the block is over behind it.
        const IN_IT: u64 = 1 << 4 | 1 << 5 | 1 << 11;
        with_second(|second| {
            let mut registers = Registers::new([0; 31], 0x1000, IN_IT);
            let mut syndrome = data_abort(0x0900_0000, STORE_WORD);
            syndrome.esr &= !(1 << 25);
            let (_, action) = exit(second, syndrome, &mut registers);
            assert_eq!((registers.pc, registers.pstate), (0x1002, 1 << 4 | 1 << 5));
            assert!(matches!(action, Action::Uart { again: (0x1000, IN_IT), .. }), "{action:?}");
        });
    }

    #[test]
    fn an_access_without_syndrome_is_an_abort_even_in_a_frame() {
        with_first(|first| {
            let mut registers = Registers::default();
            let (reason, action) = exit(first, data_abort(0x0800_0000, 0), &mut registers);
            assert_eq!(reason, Reason::Abort);
            assert!(matches!(action, Action::Inject(Exception::DataAbort { .. })));
            assert_eq!(registers.pc, 0);
        });
    }

    #[test]
    fn an_abort_that_does_not_know_its_address_is_no_access_to_a_frame() {
        with_first(|first| {
            for status in [0b01_0101, 0b11_0000, 0b11_0101, 0b00_1111] {
                let mut syndrome = data_abort(0x0800_0000, LOAD_WORD);
                syndrome.esr = syndrome.esr & !0x3f | status;
                let (reason, _) = exit(first, syndrome, &mut Registers::default());
                assert_eq!(reason, Reason::Abort, "{status:#b}");
            }
        });
    }

    #[test]
    fn cache_maintenance_of_nothing_does_nothing() {
        with_first(|first| {
            let mut registers = Registers::default();
            let answer = exit(first, data_abort(0x7000_0000, 1 << 8 | 1 << 6), &mut registers);
            assert_eq!((answer, registers.pc), ((Reason::Abort, Action::Resume), 4));
        });
    }

    proptest! {
        #[test]
        fn any_exit_is_answered(
            esr in any::<u64>(), far in any::<u64>(), hpfar in any::<u64>(), x in any::<[u64; 31]>(),
        ) {
            with_first(|first| {
                let before = Registers::new(x, 0x1000, 0);
                let mut after = before;
                let (_, action) = exit(first, Syndrome { esr, far, hpfar }, &mut after);
                if let Action::Inject(_) = action {
                    prop_assert!(after == before, "an exception finds the registers untouched");
                }
                if let Action::SendSgi { targets, .. } = action {
                    prop_assert!(targets & !0b11 == 0, "an SGI stays in the partition");
                }
                if let Action::Redistributor { vcpu, offset, .. } = action {
                    prop_assert!(vcpu < 2 && offset < REDISTRIBUTOR);
                }
                Ok(())
            })?;
        }
    }
}
