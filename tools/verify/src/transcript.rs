//! The proof, written down so that a person can follow it and a program can compare it.
//!
//! Mappings are listed as runs: what is contiguous for the partition and on the board, with one kind of
//! access. The digest of a partition covers every single mapping, so two images that let it reach the same
//! have the same.

use crate::examine::{Examined, digest, examine, in_window};
use crate::walk::walk;
use bulkhead_core::stage2::{self, Leaf, Start};
use bulkhead_plan::{GicVersion, InterruptMode, Ipa, NO_PARTITION, PAGE, Partition, Plan, Span};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::{self, Write};

/// Bytes of a frame of a redistributor, and of both.
const FRAME: u64 = 0x1_0000;
pub(crate) const REDISTRIBUTOR: u64 = 0x2_0000;

/// SHA-256, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Digest(pub String);

/// What was proven of an image, and what is wrong with it. Addresses and sizes are in bytes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Transcript {
    /// Whether everything was proven.
    pub proven: bool,
    /// What is wrong; nothing if everything was proven.
    pub faults: Vec<String>,
    /// The file.
    pub image: Part,
    /// The board that it is for.
    pub board: String,
    /// The hypervisor, without what is particular to a system: its release has one digest.
    pub hypervisor: Option<Part>,
    /// The plan.
    pub plan: Option<Part>,
    /// The stage-2 tables of all partitions.
    pub tables: Option<Part>,
    /// The board's RAM.
    pub memory: Vec<Stretch>,
    /// What the hypervisor has for itself, its window first.
    pub own: Vec<Own>,
    /// Affinities of the CPUs that nobody has; they stay off.
    pub free_cpus: Vec<u64>,
    /// The partitions, in the order of the plan.
    pub partitions: Vec<PartitionProof>,
}

/// Addresses with a meaning.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Own {
    /// What they are.
    pub what: &'static str,
    /// Which.
    pub place: Stretch,
}

/// A part of an image.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Part {
    /// Where it runs.
    pub place: Stretch,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// A stretch of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stretch {
    /// The first.
    pub base: u64,
    /// How many.
    pub size: u64,
}

/// What was proven of a partition.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PartitionProof {
    /// Its name.
    pub name: String,
    /// Its VMID.
    pub vmid: u32,
    /// Where its tables begin.
    pub root: u64,
    /// Bits of the addresses that it sees.
    pub address_bits: u64,
    /// Everything that it reaches.
    pub mappings: Vec<Mapping>,
    /// How many descriptors say so.
    pub descriptors: usize,
    /// What it sees that leads nowhere: the hypervisor answers every access.
    pub shown: Vec<Own>,
    /// Affinities of its CPUs on the board, in its own order.
    pub cpus: Vec<u64>,
    /// Its SPIs, by INTID.
    pub interrupts: Vec<u32>,
    /// Where its first CPU begins.
    pub entry: u64,
    /// What that CPU finds in x0.
    pub x0: u64,
    /// What is loaded before it begins.
    pub loads: Vec<Piece>,
    /// The digest of all that it reaches: of every mapping in turn IPA, PA, size and attributes, 64 bits each.
    pub sha256: Digest,
}

/// A run of mappings.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mapping {
    /// Where the partition sees it.
    pub ipa: u64,
    /// Where it is.
    pub place: Stretch,
    /// `memory`, which may be executed, or `device`, which may not; both can be read and written.
    pub access: &'static str,
    /// Descriptors of 4 KiB, 2 MiB and 1 GiB.
    pub descriptors: [usize; 3],
}

/// A piece of a guest.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Piece {
    /// Where the partition finds it.
    pub at: u64,
    /// Where it lies in the window, or in place.
    pub source: Stretch,
    /// Whether it lies in place: then nobody checks its digest when the board boots.
    pub in_place: bool,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// Looks at every byte of an image.
pub fn verify(image: &[u8]) -> Transcript {
    let examined = examine(image);
    let size = u64::try_from(image.len()).unwrap_or(u64::MAX);
    let window = examined.header.map_or(0, |header| header.window.base.0);
    let whole = Part { place: Stretch { base: window, size }, sha256: Digest::of(image) };
    let mut transcript = Transcript {
        proven: examined.faults.is_empty(),
        faults: Vec::new(),
        image: whole,
        board: String::new(),
        hypervisor: None,
        plan: None,
        tables: None,
        memory: Vec::new(),
        own: Vec::new(),
        free_cpus: Vec::new(),
        partitions: Vec::new(),
    };
    transcript.describe(image, &examined);
    transcript.faults = examined.faults;
    transcript
}

impl Transcript {
    fn describe(&mut self, image: &[u8], examined: &Examined) {
        let (Some(header), Some(bytes)) = (&examined.header, &examined.plan) else { return };
        let Ok(plan) = Plan::decode(bytes.bytes()) else { return };
        self.board = plan.board.name.to_string();
        let window = header.window.base.0;
        let place = |base: u64, size| Stretch { base, size };
        let hypervisor = Digest::hex(&plan.header.hypervisor_digest);
        self.hypervisor = Some(Part { place: place(window, header.plan_offset), sha256: hypervisor });
        let at = window.saturating_add(header.plan_offset);
        self.plan = Some(Part { place: place(at, header.plan_size), sha256: Digest::of(bytes.bytes()) });
        let tables = plan.header.tables;
        self.tables = Some(Part { place: tables.into(), sha256: Digest::hex(&plan.header.tables_digest) });
        self.memory = plan.memory.iter().copied().map(Stretch::from).collect();
        self.own = own(&plan);
        let free = plan.cpus.iter().filter(|cpu| cpu.partition == NO_PARTITION);
        self.free_cpus = free.map(|cpu| cpu.mpidr).collect();
        let walked = in_window(image, &plan, tables).and_then(|tables| walk(&plan, tables));
        let walked = walked.unwrap_or_default();
        self.partitions =
            plan.partitions.iter().zip(&walked).map(|(it, leaves)| proof(&plan, it, leaves)).collect();
    }
}

fn proof(plan: &Plan<'_>, partition: &Partition, leaves: &[Leaf]) -> PartitionProof {
    let words = leaves.iter().flat_map(|leaf| [leaf.ipa.0, leaf.pa.0, leaf.size, leaf.attributes]);
    let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    let loads = partition.loads.of(plan.loads).unwrap_or_default().iter();
    let lines = partition.interrupts.of(plan.interrupts).unwrap_or_default();
    let cpus = partition.cpus.of(plan.cpus).unwrap_or_default();
    PartitionProof {
        name: partition.name.to_string(),
        vmid: partition.vmid,
        root: partition.root.0,
        address_bits: Start::new(partition.vtcr).map_or(0, |_| 64 - (partition.vtcr & 0x3f)),
        mappings: runs(leaves),
        descriptors: leaves.len(),
        shown: shown(plan.board.gic, partition, cpus.len()),
        cpus: cpus.iter().map(|cpu| cpu.mpidr).collect(),
        interrupts: lines.iter().map(|line| line.intid).collect(),
        entry: partition.entry.0,
        x0: partition.argument,
        loads: loads
            .map(|load| Piece {
                at: load.destination.0,
                source: load.bytes().into(),
                in_place: load.is_in_place(&plan.board.window),
                sha256: Digest::hex(&load.digest),
            })
            .collect(),
        sha256: Digest::of(&bytes),
    }
}

/// What the hypervisor has for itself.
fn own(plan: &Plan<'_>) -> Vec<Own> {
    let board = plan.board;
    let own = |what, span: Span| Own { what, place: span.into() };
    let mut all =
        vec![own("window", board.window), own("heap", board.heap), own("distributor", board.distributor)];
    if !board.console.is_none() && board.heir == NO_PARTITION {
        all.push(own("console", board.console.page()));
    }
    all.extend(plan.translators.iter().map(|span| own("ITS", *span)));
    if board.gic == GicVersion::V2 {
        all.push(own("GICC", board.cpu_interface));
    }
    let cpus = plan.cpus.iter().filter(|_| board.gic == GicVersion::V3);
    let frames = cpus.map(|cpu| Span { base: cpu.redistributor, size: REDISTRIBUTOR });
    all.extend(frames.map(|span| own("redistributor", span)));
    all
}

/// What a partition of so many CPUs sees that the hypervisor answers for.
fn shown(gic: GicVersion, partition: &Partition, cpus: usize) -> Vec<Own> {
    let own = |what, base: Ipa, size| Own { what, place: Stretch { base: base.0, size } };
    let mut all = vec![own("distributor", partition.distributor, gic.distributor_size())];
    match gic {
        GicVersion::V2 => {
            let mapped = if partition.interrupt_mode == InterruptMode::Direct { PAGE } else { 0 };
            let base = Ipa(partition.cpu_interface.0.saturating_add(mapped));
            all.push(own("GICC", base, gic.cpu_interface_size() - mapped));
        }
        GicVersion::V3 => all.extend((0_u64..).zip(0..cpus).map(|(vcpu, _)| {
            let base = Ipa(partition.redistributors.0.saturating_add(vcpu.saturating_mul(REDISTRIBUTOR)));
            own("redistributor", base, FRAME)
        })),
    }
    if partition.uart.0 != 0 {
        all.push(own("virtual PL011", partition.uart, PAGE));
    }
    all
}

fn runs(leaves: &[Leaf]) -> Vec<Mapping> {
    let mut runs: Vec<Mapping> = Vec::new();
    for leaf in leaves {
        let access = if leaf.attributes == stage2::RAM { "memory" } else { "device" };
        let level = match leaf.size {
            0x1000 => 0,
            0x20_0000 => 1,
            _ => 2,
        };
        let joins = runs.last().is_some_and(|last| {
            let follows = |base: u64, next: u64| base.checked_add(last.place.size) == Some(next);
            last.access == access && follows(last.ipa, leaf.ipa.0) && follows(last.place.base, leaf.pa.0)
        });
        if !joins {
            let place = Stretch { base: leaf.pa.0, size: 0 };
            runs.push(Mapping { ipa: leaf.ipa.0, place, access, descriptors: [0; 3] });
        }
        if let Some(last) = runs.last_mut() {
            last.place.size = last.place.size.saturating_add(leaf.size);
            last.descriptors[level] += 1;
        }
    }
    runs
}

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::hex(&digest(bytes))
    }

    /// A digest as it is written.
    pub fn hex(digest: &[u8; 32]) -> Self {
        let mut text = String::new();
        for byte in digest {
            // Writing into a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Span> for Stretch {
    fn from(span: Span) -> Self {
        Self { base: span.base.0, size: span.size }
    }
}

impl From<Stretch> for Span {
    fn from(stretch: Stretch) -> Self {
        Self::new(stretch.base, stretch.size)
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span::from(*self).fmt(f)
    }
}
