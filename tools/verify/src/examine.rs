//! The proof, made from the bytes that are flashed.
//!
//! Nothing that was decided on the way is trusted: the plan is found through the image's own header, decoded
//! again, checked against its digests and its invariants, and the stage-2 tables are walked. Every byte of
//! the image is accounted for: it is the hypervisor's, the plan's, a table's, a guest's, or zero.

use crate::disjoint;
use crate::walk::walk;
use bulkhead_core::prove::{Proof, prove};
use bulkhead_plan::{BOOT_HEADER_OFFSET, BootHeader, Load, Plan, Span, verify};
use sha2::{Digest, Sha256};
use std::ops::Range;
use zerocopy::{IntoBytes, TryFromBytes};

/// A plan's bytes at an address that is a multiple of 8, as decoding wants them.
#[derive(Debug)]
pub struct PlanBytes {
    words: Vec<u64>,
    size: usize,
}

impl PlanBytes {
    /// The plan in a finished image.
    pub fn of(image: &[u8]) -> Result<Self, String> {
        let header = boot_header(image)?;
        let bytes = part(image, header.plan_offset, header.plan_size).ok_or("its plan is cut off")?;
        let mut words = vec![0_u64; bytes.len().div_ceil(8)];
        words.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { words, size: bytes.len() })
    }

    /// The plan's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.words.as_bytes()[..self.size]
    }
}

/// What an image says by itself, and everything that is wrong with it.
#[derive(Debug, Default)]
pub struct Examined {
    /// Its boot header.
    pub header: Option<BootHeader>,
    /// The bytes of its plan, if they are one.
    pub plan: Option<PlanBytes>,
    /// Whether the plan has the digest that its header says.
    pub is_plan_intact: bool,
    /// Whether the stage-2 tables have the digest that the plan says.
    pub are_tables_intact: bool,
    /// Whether the hypervisor has the digest that the plan says.
    pub is_hypervisor_intact: bool,
    /// Whether each piece to load has the digest that the plan says.
    pub intact_loads: Vec<bool>,
    /// What was proven of the tables.
    pub proof: Option<Proof>,
    /// What is wrong.
    pub faults: Vec<String>,
}

/// Proves a finished image.
pub fn prove_image(image: &[u8]) -> Result<Proof, String> {
    let Examined { proof, faults, .. } = examine(image);
    match proof.filter(|_| faults.is_empty()) {
        Some(proof) => Ok(proof),
        None => Err(faults.into_iter().next().unwrap_or_default()),
    }
}

/// Looks at everything in an image; what cannot be looked at for an earlier fault is left out.
pub fn examine(image: &[u8]) -> Examined {
    let mut examined = Examined::default();
    if let Err(fault) = examined.read(image) {
        examined.faults.push(fault);
    }
    if examined.faults.is_empty() && examined.proof.is_none() {
        examined.faults.push("nothing of it could be proven".to_owned());
    }
    examined
}

/// SHA-256.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of the bytes before the plan, without what is particular to a system.
pub fn hypervisor_digest(bytes: &[u8]) -> [u8; 32] {
    let mut bytes = bytes.to_vec();
    for field in [IMAGE_SIZE, BOOT_HEADER] {
        bytes.get_mut(field).into_iter().for_each(|field| field.fill(0));
    }
    digest(&bytes)
}

impl Examined {
    /// Every step; an error is the fault behind which nothing can be read.
    fn read(&mut self, image: &[u8]) -> Result<(), String> {
        if image.get(IMAGE_MAGIC) != Some(b"ARM\x64") {
            return Err("it does not begin with an arm64 `Image` header".to_owned());
        }
        let header = boot_header(image)?;
        self.header = Some(header);
        let extent = header.extent().map(u64::to_le_bytes);
        self.demand(
            extent.is_some() && image.get(IMAGE_SIZE) == extent.as_ref().map(<[u8; 8]>::as_slice),
            || {
                "the `Image` header says another size than that of the window and what lies behind it"
                    .to_owned()
            },
        );
        let size = u64::try_from(image.len()).unwrap_or(u64::MAX);
        self.demand(header.file_size <= size, || {
            format!("it is cut off: {} bytes of {}", size, header.file_size)
        });
        self.demand(header.file_size >= size, || {
            format!("{} bytes lie behind its end, which nothing accounts for", size - header.file_size)
        });
        let bytes = PlanBytes::of(image)?;
        let plan = Plan::decode(bytes.bytes()).map_err(|error| error.to_string())?;
        self.is_plan_intact = digest(plan.digested()) == plan.header.digest;
        self.demand(self.is_plan_intact, || "the plan's digest is wrong".to_owned());
        let board = plan.board;
        let agree = (header.window, header.heap, header.console, header.conduit, header.reserved)
            == (board.window, board.heap, board.console, board.conduit, 0);
        self.demand(agree, || "the boot header and the plan contradict each other".to_owned());
        let verdict = verify(&plan);
        self.demand(verdict.is_ok(), || verdict.err().map(|why| why.to_string()).unwrap_or_default());
        let hypervisor = part(image, 0, header.plan_offset).unwrap_or_default();
        self.is_hypervisor_intact = hypervisor_digest(hypervisor) == plan.header.hypervisor_digest;
        self.demand(self.is_hypervisor_intact, || {
            "the hypervisor has another digest than the plan says".to_owned()
        });
        self.read_gaps(image, &plan, &header);
        self.read_contents(image, &plan, verdict.is_ok());
        self.plan = Some(bytes);
        Ok(())
    }

    /// That every byte has an owner: what lies between the parts is zero, and the last part ends the image.
    fn read_gaps(&mut self, image: &[u8], plan: &Plan<'_>, header: &BootHeader) {
        let window = plan.board.window.base.0;
        let part_of = |span: Span| (span.base.0.wrapping_sub(window), span.size);
        let tables = plan.header.tables;
        let mut parts =
            vec![(0, header.plan_offset), (header.plan_offset, header.plan_size), part_of(tables)];
        let in_place = |load: &&Load| load.is_in_place(&plan.board.window);
        parts.extend(plan.loads.iter().filter(|load| !in_place(load)).map(|load| part_of(load.bytes())));
        let kept = parts.iter().map(|(start, size)| start.saturating_add(*size)).max().unwrap_or(0);
        self.demand(header.image_size == kept, || {
            format!(
                "what stays in the window ends at byte {kept}, and its boot header says {}",
                header.image_size
            )
        });
        parts.extend(plan.loads.iter().filter(in_place).map(|load| part_of(load.bytes())));
        parts.sort_unstable();
        let mut end = 0;
        for (start, size) in parts {
            let gap = part(image, end, start.saturating_sub(end)).unwrap_or_default();
            self.demand(gap.iter().all(|byte| *byte == 0), || {
                format!(
                    "between {:#x} and {:#x} there is something that no part is",
                    window + end,
                    window + start
                )
            });
            end = end.max(start.saturating_add(size));
        }
        self.demand(header.file_size == end, || {
            format!("its parts end at byte {end}, and its boot header says {}", header.file_size)
        });
    }

    /// What the plan points to: the tables, proven if the plan is sound, and the pieces to load.
    fn read_contents(&mut self, image: &[u8], plan: &Plan<'_>, is_sound: bool) {
        let tables = in_window(image, plan, plan.header.tables);
        self.demand(tables.is_some(), || "its stage-2 tables are cut off".to_owned());
        if let Some(tables) = tables {
            self.are_tables_intact = digest(tables) == plan.header.tables_digest;
            self.demand(self.are_tables_intact, || "the tables' digest is wrong".to_owned());
            let shared = walk(plan, tables).map(|walked| disjoint::faults(plan, &walked));
            self.faults.extend(shared.unwrap_or_default());
            match prove(plan, tables) {
                Ok(proof) if is_sound && self.faults.is_empty() => self.proof = Some(proof),
                Ok(_) => {}
                Err(failure) => self.faults.push(failure.to_string()),
            }
        }
        for load in plan.loads {
            let bytes = in_window(image, plan, load.bytes());
            let is_intact = bytes.is_some_and(|bytes| digest(bytes) == load.digest);
            self.intact_loads.push(is_intact);
            let what = if bytes.is_some() { "has another digest than the plan says" } else { "is cut off" };
            self.demand(is_intact, || format!("the piece at {} {what}", load.source));
        }
    }

    fn demand(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }
}

/// Bytes of the `Image` header that hold how much RAM the image takes.
const IMAGE_SIZE: Range<usize> = 16..24;
/// Bytes of the image that hold the boot header.
const BOOT_HEADER: Range<usize> = BOOT_HEADER_OFFSET..BOOT_HEADER_OFFSET + size_of::<BootHeader>();
/// Bytes of the `Image` header that hold its magic number.
const IMAGE_MAGIC: Range<usize> = 56..60;

/// The bytes of the image that will lie at `span` of the board's memory.
pub fn in_window<'a>(image: &'a [u8], plan: &Plan<'_>, span: Span) -> Option<&'a [u8]> {
    part(image, span.base.0.checked_sub(plan.board.window.base.0)?, span.size)
}

fn boot_header(image: &[u8]) -> Result<BootHeader, String> {
    let bytes = image.get(BOOT_HEADER);
    let header = bytes.and_then(|bytes| BootHeader::try_read_from_bytes(bytes).ok());
    header.filter(|header| header.window.size != 0).ok_or_else(|| "its boot header is damaged".to_owned())
}

fn part(image: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let size = usize::try_from(size).ok()?;
    image.get(start..start.checked_add(size)?)
}
