//! A small valid plan for tests to look at, or to damage.
//!
//! Two partitions on a board with 1 GiB of RAM from 0x4000_0000 and a GICv3, as on QEMU's `virt`.

use crate::address::{Ipa, Pa, Span};
use crate::console::{Change, Console};
use crate::encode::Draft;
use crate::record::{
    Board, Conduit, Cpu, Function, GicVersion, Interrupt, InterruptMode, Load, NO_PARTITION, Name, Partition,
    Range, Region, RegionKind, Restart, Step, StepKind, Trigger,
};
use zerocopy::{FromZeros, IntoBytes};

/// The records of a plan, free to change before they are encoded.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The board.
    pub board: Board,
    /// The tables' place.
    pub tables: Span,
    /// RAM.
    pub memory: [Span; 1],
    /// One ITS, or none.
    pub translators: &'static [Span],
    /// Four CPUs: two, one, and one that nobody owns.
    pub cpus: [Cpu; 4],
    /// `first` with two CPUs and `second` with one.
    pub partitions: [Partition; 2],
    /// RAM, a device, and pages of the interrupt controller.
    pub regions: [Region; 6],
    /// One piece each.
    pub loads: [Load; 2],
    /// Two SPIs for `first`, one for `second`.
    pub interrupts: [Interrupt; 3],
    /// Two steps for the device of `first`.
    pub steps: [Step; 2],
    /// One function for `second`.
    pub functions: Option<Function>,
}

/// 8-byte aligned room for an encoded sample.
#[derive(Clone, Debug)]
pub struct SampleBytes {
    words: [u64; 640],
    size: usize,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            board: board(),
            tables: Span::new(0x4023_0000, 0x2000),
            memory: [Span::new(0x4000_0000, 0x4000_0000)],
            translators: &const { [Span::new(0x0808_0000, 0x2_0000)] },
            cpus: [cpu(0, 0, 0), cpu(1, 0, 1), cpu(2, 1, 0), cpu(3, NO_PARTITION, 0)],
            partitions: [partition("first", 0), partition("second", 1)],
            regions: [
                region(0x080b_0000, 0x080b_0000, 0x1000, RegionKind::SgiFrame),
                region(0x080d_0000, 0x080d_0000, 0x1000, RegionKind::SgiFrame),
                region(0x0900_0000, 0x0900_0000, 0x1000, RegionKind::Device),
                region(0x4000_0000, 0x4100_0000, 0x100_0000, RegionKind::Ram),
                region(0x080b_0000, 0x080f_0000, 0x1000, RegionKind::SgiFrame),
                region(0x4000_0000, 0x4200_0000, 0x100_0000, RegionKind::Ram),
            ],
            loads: [load(0x4024_0000), load(0x4025_0000)],
            interrupts: [
                Interrupt { intid: 33, trigger: Trigger::Level },
                Interrupt { intid: 79, trigger: Trigger::Edge },
                Interrupt { intid: 40, trigger: Trigger::Level },
            ],
            steps: [step(StepKind::Write), step(StepKind::Await)],
            functions: Some(Function { id: 0x8400_0050, reserved: 0 }),
        }
    }
}

impl Sample {
    /// The same on a board with a GICv2, and with a second device in place of a page of SGIs and PPIs.
    pub fn with_gicv2() -> Self {
        let mut sample = Self::default();
        sample.board.gic = GicVersion::V2;
        sample.board.distributor.size = GicVersion::V2.distributor_size();
        sample.board.cpu_interface = Span::new(0x0801_0000, GicVersion::V2.cpu_interface_size());
        sample.board.wake = 287;
        sample.translators = &[];
        for (cpu, number) in sample.cpus.iter_mut().zip(0..) {
            (cpu.redistributor, cpu.interface) = (Pa(0), number);
        }
        for partition in &mut sample.partitions {
            (partition.redistributors, partition.cpu_interface) = (Ipa(0), Ipa(0x0801_0000));
        }
        let [first, second, third, _, others, _] = &mut sample.regions;
        let page = region(0x0801_0000, 0x0801_0000, 0x1000, RegionKind::CpuInterface);
        (*first, *others) = (page, page);
        (*second, *third) = (*third, region(0x0901_0000, 0x0901_0000, 0x1000, RegionKind::Device));
        sample
    }

    /// The same on a board without firmware, whose CPUs wait in the first page of RAM.
    pub fn with_spin_table() -> Self {
        let mut sample = Self::default();
        sample.board.conduit = Conduit::SpinTable;
        sample.memory = [Span::new(0x4000_1000, 0x3fff_f000)];
        for (cpu, place) in sample.cpus.iter_mut().zip((0x4000_00d8..).step_by(8)) {
            cpu.release = if cpu.partition == NO_PARTITION { Pa(0) } else { Pa(place) };
        }
        sample.partitions[1].functions.count = 0;
        sample.functions = None;
        sample
    }

    /// The sample as bytes, under a digest that is no hash: this crate has none.
    pub fn encode(&self) -> SampleBytes {
        let draft = Draft {
            tables: self.tables,
            tables_digest: [0; 32],
            hypervisor_digest: [0; 32],
            board: &self.board,
            memory: &self.memory,
            translators: self.translators,
            cpus: &self.cpus,
            partitions: &self.partitions,
            regions: &self.regions,
            loads: &self.loads,
            interrupts: &self.interrupts,
            steps: &self.steps,
            functions: self.functions.as_slice(),
        };
        let mut bytes = SampleBytes { words: FromZeros::new_zeroed(), size: draft.size().unwrap_or(0) };
        let done = draft.encode(bytes.bytes_mut(), |_| [0; 32]);
        debug_assert!(done.is_some(), "the sample fits its room");
        bytes
    }
}

impl SampleBytes {
    /// The encoded plan.
    pub fn bytes(&self) -> &[u8] {
        self.words.as_bytes().get(..self.size).unwrap_or_default()
    }

    /// The encoded plan, to damage.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.words.as_mut_bytes().get_mut(..self.size).unwrap_or_default()
    }
}

fn board() -> Board {
    Board {
        name: name("sample"),
        window: Span::new(0x4020_0000, 0x20_0000),
        heap: Span::new(0x4030_0000, 0x8_0000),
        distributor: Span::new(0x0800_0000, 0x1_0000),
        cpu_interface: Span::default(),
        console: console(),
        gic: GicVersion::V3,
        conduit: Conduit::Smc,
        wake: 0,
        heir: NO_PARTITION,
    }
}

/// A PL011.
fn console() -> Console {
    Console {
        base: Pa(0x0904_0000),
        status: 0x18,
        mask: 0x20,
        on: [Change { register: 0x30, clear: 0, set: 0x101 }, Change::NONE],
        width: 4,
        ..Console::NONE
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap_or(Name([0; 32]))
}

fn cpu(number: u64, partition: u32, virtual_mpidr: u64) -> Cpu {
    let redistributor = Pa(number.saturating_mul(0x2_0000).saturating_add(0x080a_0000));
    Cpu { mpidr: number, redistributor, virtual_mpidr, partition, interface: 0, release: Pa(0) }
}

fn partition(text: &str, index: u32) -> Partition {
    let [cpus, regions, interrupts, silence, functions] = match index {
        0 => [(0, 2), (0, 4), (0, 2), (0, 2), (0, 0)],
        _ => [(2, 1), (4, 2), (2, 1), (2, 0), (0, 1)],
    };
    let range = |(start, count)| Range { start, count };
    Partition {
        name: name(text),
        root: Pa(0x4023_0000_u64.saturating_add(u64::from(index).saturating_mul(0x1000))),
        vtcr: 0x8002_3559,
        entry: Ipa(0x4000_0000),
        argument: 0x4020_0000,
        distributor: Ipa(0x0800_0000),
        redistributors: Ipa(0x080a_0000),
        cpu_interface: Ipa(0),
        uart: Ipa(0),
        cpus: range(cpus),
        regions: range(regions),
        loads: range((index, 1)),
        interrupts: range(interrupts),
        silence: range(silence),
        functions: range(functions),
        vmid: index.saturating_add(1),
        root_pages: 1,
        interrupt_mode: InterruptMode::Direct,
        restart: Restart::OnFault,
        max_restarts: 3,
        restart_delay: 100,
        controls: if index == 0 { 0b10 } else { 0 },
        uart_interrupt: 0,
    }
}

fn region(ipa: u64, pa: u64, size: u64, kind: RegionKind) -> Region {
    Region { ipa: Ipa(ipa), span: Span::new(pa, size), kind, reserved: 0 }
}

fn step(kind: StepKind) -> Step {
    Step { address: Pa(0x0900_0070), value: 0, mask: u32::MAX, kind, reserved: 0 }
}

fn load(source: u64) -> Load {
    let destination = Ipa(0x4000_0000);
    Load { source: Pa(source), size: 0x1000, destination, memory_size: 0x2000, digest: [0; 32] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_fits_its_room() {
        let bytes = Sample::default().encode();
        assert!(bytes.size > 0 && bytes.size <= size_of_val(&bytes.words));
    }
}
