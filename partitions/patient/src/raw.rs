//! The raw instructions: registers, memory, and ways to fall.
//!
//! All unsafe code of the patient is here. What the others get is safe because it is bounded: memory
//! by what neither the image nor the tree lies in, registers by what they are.

#![allow(unsafe_code)]

use core::arch::{asm, global_asm};
use core::ptr;
use guest_rt::{Machine, Span, cpu};

/// A register as it is after a start, and a value to soil it with.
#[derive(Clone, Copy)]
pub(crate) struct Register {
    /// Its name.
    pub(crate) name: &'static str,
    /// What a CPU that starts finds in it.
    pub(crate) born: u64,
    /// Something else.
    pub(crate) soil: u64,
    /// Reads it.
    pub(crate) read: fn() -> u64,
    /// Writes it.
    pub(crate) write: fn(u64),
}

macro_rules! register {
    ($name:literal, $soil:expr) => {
        register!($name, $name, $name, 0, $soil)
    };
    ($name:literal, $read:literal, $write:literal, $born:expr, $soil:expr) => {
        Register {
            name: $name,
            born: $born,
            soil: $soil,
            read: || {
                let value: u64;
                // SAFETY: reading a register of one's own CPU.
                unsafe { asm!(concat!("mrs {}, ", $read), "isb", out(reg) value, options(nostack)) };
                value
            },
            write: |value| {
                // SAFETY: the values that the patient writes change neither what memory it sees nor where it is.
                unsafe { asm!(concat!("msr ", $write, ", {}"), "isb", in(reg) value, options(nostack)) }
            },
        }
    };
}

const PATTERN: u64 = 0xa5a5_5a5a_c3c3_3c3c;

/// Registers of every CPU. CPACR_EL1 comes first: it lets the vector registers be touched.
pub(crate) const COMMON: &[Register] = &[
    register!("cpacr_el1", 0b11 << 20 | 0b11 << 16),
    register!("tpidr_el0", PATTERN),
    register!("tpidrro_el0", PATTERN),
    register!("contextidr_el1", 0x5a5a),
    register!("ttbr1_el1", 0xdead_b000),
    register!("amair_el1", PATTERN),
    register!("afsr0_el1", 0x5a5a),
    register!("afsr1_el1", 0x5a5a),
    register!("sp_el0", PATTERN),
    register!("elr_el1", PATTERN),
    register!("spsr_el1", 0x3c5),
    register!("esr_el1", 0x5600_0000),
    register!("far_el1", PATTERN),
    register!("par_el1", 1),
    register!("csselr_el1", 2),
    register!("cntkctl_el1", 0x303),
    register!("cntp_cval_el0", 1),
    register!("cntp_ctl_el0", 1),
    register!("cntv_cval_el0", 1),
    register!("cntv_ctl_el0", 1),
    register!("oslsr_el1", "oslsr_el1", "oslar_el1", 0b1010, 0),
    register!("mdscr_el1", 1 << 12),
    register!("dbgbvr0_el1", 0x5a5a_5a50),
    register!("dbgbcr0_el1", 0x1e0),
    register!("dbgwvr0_el1", 0x5a5a_5a58),
    register!("dbgwcr0_el1", 0x1fe0),
    register!("mdccint_el1", 1 << 30),
    register!("dbgclaimset_el1", "dbgclaimclr_el1", "dbgclaimset_el1", 0, 0x5a),
    register!("fpcr", "s3_3_c4_c4_0", "s3_3_c4_c4_0", 0, 1 << 22),
    register!("fpsr", "s3_3_c4_c4_1", "s3_3_c4_c4_1", 0, 0x800_001f),
];

/// Interrupts of group 0, where the CPU interface has system registers.
pub(crate) const GROUP_0: &[Register] = &[
    register!("icc_ap0r0_el1", "s3_0_c12_c8_4", "s3_0_c12_c8_4", 0, 1),
    register!("icc_igrpen0_el1", "s3_0_c12_c12_6", "s3_0_c12_c12_6", 0, 1),
];

/// Soiled last: the runtime takes what is in it for a probe that is under way.
pub(crate) const PROBE: Register = register!("tpidr_el1", PATTERN);

/// The length of the scalable vectors, on a CPU that has such.
pub(crate) const VECTOR_LENGTH: Register = register!("zcr_el1", "s3_0_c1_c2_0", "s3_0_c1_c2_0", 0, 0xf);

/// Registers of a CPU with a PMU.
pub(crate) const PMU: &[Register] = &[
    register!("pmselr_el0", 0),
    register!("pmccntr_el0", PATTERN),
    register!("pmevcntr0_el0", 0x5a5a),
    register!("pmevtyper0_el0", 0x11),
    register!("pmccfiltr_el0", 1 << 31),
    register!("pmcntenset_el0", 1 << 31),
    register!("pmintenset_el1", 1 << 31),
    register!("pmovsset_el0", 1 << 31),
    register!("pmuserenr_el0", 0xf),
];

/// Keys of a CPU with pointer authentication.
pub(crate) const KEYS: &[Register] = &[
    register!("apiakeylo_el1", "s3_0_c2_c1_0", "s3_0_c2_c1_0", 0, PATTERN),
    register!("apiakeyhi_el1", "s3_0_c2_c1_1", "s3_0_c2_c1_1", 0, PATTERN),
    register!("apibkeylo_el1", "s3_0_c2_c1_2", "s3_0_c2_c1_2", 0, PATTERN),
    register!("apibkeyhi_el1", "s3_0_c2_c1_3", "s3_0_c2_c1_3", 0, PATTERN),
    register!("apdakeylo_el1", "s3_0_c2_c2_0", "s3_0_c2_c2_0", 0, PATTERN),
    register!("apdakeyhi_el1", "s3_0_c2_c2_1", "s3_0_c2_c2_1", 0, PATTERN),
    register!("apdbkeylo_el1", "s3_0_c2_c2_2", "s3_0_c2_c2_2", 0, PATTERN),
    register!("apdbkeyhi_el1", "s3_0_c2_c2_3", "s3_0_c2_c2_3", 0, PATTERN),
    register!("apgakeylo_el1", "s3_0_c2_c3_0", "s3_0_c2_c3_0", 0, PATTERN),
    register!("apgakeyhi_el1", "s3_0_c2_c3_1", "s3_0_c2_c3_1", 0, PATTERN),
];

/// Registers of a CPU that tells contexts of speculation apart.
pub(crate) const CONTEXT_NUMBERS: &[Register] = &[
    register!("scxtnum_el0", "s3_3_c13_c0_7", "s3_3_c13_c0_7", 0, PATTERN),
    register!("scxtnum_el1", "s3_0_c13_c0_7", "s3_0_c13_c0_7", 0, PATTERN),
];

/// The error status of a CPU with the RAS extension.
pub(crate) const ERROR_STATUS: &[Register] =
    &[register!("disr_el1", "s3_0_c12_c1_1", "s3_0_c12_c1_1", 0, 1 << 31)];

/// The CPU interface.
pub(crate) const GROUP_ENABLE: Register = register!("icc_igrpen1_el1", 1);
pub(crate) const PRIORITY_MASK: Register = register!("icc_pmr_el1", 0xf0);
pub(crate) const BINARY_POINT: Register = register!("icc_bpr1_el1", 4);
pub(crate) const ACTIVE_PRIORITIES: Register = register!("icc_ap1r0_el1", 0);
pub(crate) const INTERFACE_CONTROL: Register = register!("icc_ctlr_el1", 0b10);

/// Where a CPU that falls by `vector` has its vectors: nothing is there.
const NOWHERE: u64 = 0x1000;
/// Where one that falls by `astray` has them: beyond the 39 bits that are translated.
const OUTSIDE: u64 = 1 << 53;
/// Bytes of an [`Arrival`], as a power of two.
const ARRIVAL_SHIFT: usize = 9;

global_asm!(
    include_str!("raw.S"),
    CPUS = const cpu::MOST,
    ARRIVAL_SHIFT = const ARRIVAL_SHIFT,
    NOWHERE = const NOWHERE,
    OUTSIDE = const OUTSIDE,
);

/// A CPU before the runtime has changed anything of it, as `raw.S` writes it down.
#[derive(Clone, Copy)]
#[repr(C, align(512))]
pub(crate) struct Arrival {
    /// x0 to x29; x0 and x19 are used already.
    pub(crate) x: [u64; 30],
    /// SCTLR_EL1.
    pub(crate) control: u64,
    /// TCR_EL1, TTBR0_EL1, MAIR_EL1, VBAR_EL1 and TPIDR_EL1.
    pub(crate) others: [u64; 5],
}

const _: () = assert!(size_of::<Arrival>() == 1 << ARRIVAL_SHIFT && cpu::MOST.is_power_of_two());

unsafe extern "C" {
    static _start: u8;
    static __image_end: u8;
    static patient_arrivals: [Arrival; cpu::MOST];
    fn patient_vector_bits() -> u64;
    fn patient_soil_vectors(value: u64);
    fn patient_scalable_bits() -> u64;
    fn patient_soil_scalable(value: u64);
    fn patient_loop() -> !;
    fn patient_wfi() -> !;
    fn patient_wfe() -> !;
    fn patient_vector() -> !;
    fn patient_astray() -> !;
    fn patient_beyond() -> !;
}

/// How the CPU that asks began.
pub(crate) fn arrival() -> Arrival {
    // SAFETY: this CPU has written its own entry before it turned its MMU on.
    unsafe { ptr::read_volatile(&raw const patient_arrivals[(cpu::mpidr() & 0xff) as usize % cpu::MOST]) }
}

/// All bits that are set in any vector register; CPACR_EL1 allows to look.
pub(crate) fn vector_bits() -> u64 {
    // SAFETY: this target keeps nothing in these registers.
    unsafe { patient_vector_bits() }
}

/// Leaves something in every vector register; CPACR_EL1 allows it.
pub(crate) fn soil_vectors() {
    // SAFETY: this target keeps nothing in these registers.
    unsafe { patient_soil_vectors(PATTERN) }
}

/// What is set in any scalable vector, predicate or the first-fault register; CPACR_EL1 allows to look, and
/// ZCR_EL1 at all of them.
pub(crate) fn scalable_bits() -> u64 {
    // SAFETY: this target keeps nothing in these registers; only a CPU that has them is asked.
    unsafe { patient_scalable_bits() }
}

/// Leaves something in all of them.
pub(crate) fn soil_scalable() {
    // SAFETY: as above.
    unsafe { patient_soil_scalable(PATTERN) }
}

/// Takes the interrupt that comes first, and does not end it; its INTID.
pub(crate) fn acknowledge() -> u64 {
    let intid;
    // SAFETY: makes the interrupt active, which is what the caller is there for.
    unsafe { asm!("mrs {}, icc_iar1_el1", "dsb sy", out(reg) intid, options(nostack)) };
    intid
}

/// Runs in a circle, with everything masked.
pub(crate) fn run_in_a_circle() -> ! {
    // SAFETY: everything is masked, and nothing follows.
    unsafe { patient_loop() }
}

/// Sleeps by WFI, with everything masked.
pub(crate) fn sleep() -> ! {
    // SAFETY: everything is masked, and nothing follows.
    unsafe { patient_wfi() }
}

/// Sleeps by WFE, with everything masked.
pub(crate) fn doze() -> ! {
    // SAFETY: everything is masked, and nothing follows.
    unsafe { patient_wfe() }
}

/// Takes an exception where no memory is.
pub(crate) fn lose_vectors() -> ! {
    // SAFETY: no code of this guest runs afterwards.
    unsafe { patient_vector() }
}

/// Takes exceptions for ever where nothing is translated.
pub(crate) fn go_astray() -> ! {
    // SAFETY: no code of this guest runs afterwards.
    unsafe { patient_astray() }
}

/// The same beyond all physical addresses, without a translation.
pub(crate) fn go_beyond() -> ! {
    // SAFETY: no code of this guest runs afterwards.
    unsafe { patient_beyond() }
}

/// Memory that neither image nor device tree is in, as words.
pub(crate) struct Stretch(Span);

impl Stretch {
    /// All such memory of `machine`.
    pub(crate) fn all(machine: &Machine) -> impl Iterator<Item = Self> {
        let start = (&raw const _start).addr() as u64;
        let image = Span { base: start, size: (&raw const __image_end).addr() as u64 - start };
        let tree = Span { size: machine.tree.size.next_multiple_of(8), ..machine.tree };
        let pieces = machine.memory().iter().flat_map(move |ram| without(*ram, image));
        pieces.flat_map(move |piece| without(piece, tree)).map(Self)
    }

    /// The addresses of the words that are not zero.
    pub(crate) fn traces(&self) -> impl Iterator<Item = u64> {
        // SAFETY: RAM of this guest.
        self.words().filter(|word| unsafe { word.read_volatile() } != 0).map(|word| word.addr() as u64)
    }

    /// Leaves something in every word.
    pub(crate) fn soil(&self) {
        // SAFETY: RAM of this guest in which nothing of it lies: neither code, data, stack nor device tree.
        self.words().for_each(|word| unsafe { word.write_volatile(PATTERN ^ word.addr() as u64) });
    }

    fn words(&self) -> impl Iterator<Item = *mut u64> {
        let words = (self.0.base..self.0.base + self.0.size).step_by(size_of::<u64>());
        words.map(|address| ptr::with_exposed_provenance_mut(usize::try_from(address).unwrap_or_default()))
    }
}

/// What is left of `span` before and behind `hole`.
fn without(span: Span, hole: Span) -> [Span; 2] {
    let (end, hole_end) = (span.base + span.size, hole.base + hole.size);
    let before = hole.base.clamp(span.base, end);
    let behind = hole_end.clamp(before, end);
    [Span { base: span.base, size: before - span.base }, Span { base: behind, size: end - behind }]
}
