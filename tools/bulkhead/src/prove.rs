//! The proof, made from the bytes that are flashed.
//!
//! Nothing that was decided on the way is trusted: the plan is found through the image's own header, decoded
//! again, checked against its digests and its invariants, and the stage-2 tables are walked.

use crate::wire::digest;
use bulkhead_core::prove::{Proof, prove};
use bulkhead_plan::{BOOT_HEADER_OFFSET, BootHeader, Plan, Span, verify};
use std::ops::Range;
use zerocopy::{IntoBytes, TryFromBytes};

/// A plan's bytes at an address that is a multiple of 8, as decoding wants them.
#[derive(Debug)]
pub(crate) struct PlanBytes {
    words: Vec<u64>,
    size: usize,
}

impl PlanBytes {
    /// The plan in a finished image.
    pub(crate) fn of(image: &[u8]) -> Result<Self, String> {
        let header = boot_header(image)?;
        let bytes = part(image, header.plan_offset, header.plan_size).ok_or("its plan is cut off")?;
        let mut words = vec![0_u64; bytes.len().div_ceil(8)];
        words.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { words, size: bytes.len() })
    }

    /// The plan's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.words.as_bytes()[..self.size]
    }
}

/// What an image says by itself, and everything that is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    /// Its boot header.
    pub(crate) header: Option<BootHeader>,
    /// The bytes of its plan, if they are one.
    pub(crate) plan: Option<PlanBytes>,
    /// Whether the plan has the digest that its header says.
    pub(crate) is_plan_intact: bool,
    /// Whether the stage-2 tables have the digest that the plan says.
    pub(crate) are_tables_intact: bool,
    /// Whether each piece to load has the digest that the plan says.
    pub(crate) intact_loads: Vec<bool>,
    /// What was proven of the tables.
    pub(crate) proof: Option<Proof>,
    /// What is wrong.
    pub(crate) faults: Vec<String>,
}

/// Proves a finished image.
pub(crate) fn prove_image(image: &[u8]) -> Result<Proof, String> {
    let Examined { proof, faults, .. } = examine(image);
    match (faults.into_iter().next(), proof) {
        (None, Some(proof)) => Ok(proof),
        (fault, _) => Err(fault.unwrap_or_else(|| "nothing of it could be proven".to_owned())),
    }
}

/// Looks at everything in an image; what cannot be looked at for an earlier fault is left out.
pub(crate) fn examine(image: &[u8]) -> Examined {
    let mut examined = Examined::default();
    if let Err(fault) = examined.read(image) {
        examined.faults.push(fault);
    }
    examined
}

impl Examined {
    /// Every step; an error is the fault behind which nothing can be read.
    fn read(&mut self, image: &[u8]) -> Result<(), String> {
        if image.get(IMAGE_MAGIC) != Some(b"ARM\x64") {
            return Err("it does not begin with an arm64 `Image` header".to_owned());
        }
        let header = boot_header(image)?;
        self.header = Some(header);
        self.demand(image.get(IMAGE_SIZE) == Some(&header.window.size.to_le_bytes()), || {
            "the `Image` header says another size than that of the window".to_owned()
        });
        let size = u64::try_from(image.len()).unwrap_or(u64::MAX);
        self.demand(header.image_size <= size, || {
            format!("it is cut off: {} bytes of {}", size, header.image_size)
        });
        let bytes = PlanBytes::of(image)?;
        let plan = Plan::decode(bytes.bytes()).map_err(|error| error.to_string())?;
        self.is_plan_intact = digest(plan.digested()) == plan.header.digest;
        self.demand(self.is_plan_intact, || "the plan's digest is wrong".to_owned());
        let agree = (header.window, header.heap, header.console)
            == (plan.board.window, plan.board.heap, plan.board.console);
        self.demand(agree, || "the boot header and the plan contradict each other".to_owned());
        let verdict = verify(&plan);
        self.demand(verdict.is_ok(), || verdict.err().map(|why| why.to_string()).unwrap_or_default());
        self.read_contents(image, &plan, verdict.is_ok());
        self.plan = Some(bytes);
        Ok(())
    }

    /// What the plan points to: the tables, proven if the plan is sound, and the pieces to load.
    fn read_contents(&mut self, image: &[u8], plan: &Plan<'_>, is_sound: bool) {
        let tables = in_window(image, plan, plan.header.tables);
        self.demand(tables.is_some(), || "its stage-2 tables are cut off".to_owned());
        if let Some(tables) = tables {
            self.are_tables_intact = digest(tables) == plan.header.tables_digest;
            self.demand(self.are_tables_intact, || "the tables' digest is wrong".to_owned());
            match prove(plan, tables) {
                Ok(proof) if is_sound => self.proof = Some(proof),
                Ok(_) => {}
                Err(failure) => self.faults.push(failure.to_string()),
            }
        }
        for load in plan.loads {
            let bytes = in_window(image, plan, Span { base: load.source, size: load.size });
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

/// Bytes of the `Image` header that hold the window's size.
const IMAGE_SIZE: Range<usize> = 16..24;
/// Bytes of the `Image` header that hold its magic number.
const IMAGE_MAGIC: Range<usize> = 56..60;

/// The bytes of the image that will lie at `span` of the board's memory.
pub(crate) fn in_window<'a>(image: &'a [u8], plan: &Plan<'_>, span: Span) -> Option<&'a [u8]> {
    part(image, span.base.0.checked_sub(plan.board.window.base.0)?, span.size)
}

fn boot_header(image: &[u8]) -> Result<BootHeader, String> {
    let bytes = image.get(BOOT_HEADER_OFFSET..BOOT_HEADER_OFFSET + size_of::<BootHeader>());
    let header = bytes.and_then(|bytes| BootHeader::try_read_from_bytes(bytes).ok());
    header.filter(|header| header.window.size != 0).ok_or_else(|| "its boot header is damaged".to_owned())
}

fn part(image: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let size = usize::try_from(size).ok()?;
    image.get(start..start.checked_add(size)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{Options, build};
    use proptest::{prop_assert_eq, proptest};
    use std::path::Path;
    use std::sync::LazyLock;

    static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let options = Options { images: vec![tests.join("images")], ..Options::default() };
        build(&tests.join("accept/three.toml"), &options).unwrap().image
    });

    /// The parts of the image that the proof speaks of: boot header, plan, tables, pieces to load.
    fn spoken_of() -> Vec<(usize, usize)> {
        let header = boot_header(&IMAGE).unwrap();
        let bytes = PlanBytes::of(&IMAGE).unwrap();
        let plan = Plan::decode(bytes.bytes()).unwrap();
        let window = header.window.base.0;
        let loads = plan.loads.iter().map(|load| (load.source.0 - window, load.size));
        let plan_and_tables = [
            (header.plan_offset, header.plan_size),
            (plan.header.tables.base.0 - window, plan.header.tables.size),
        ];
        let all = plan_and_tables.into_iter().chain(loads);
        all.map(|(start, size)| (usize::try_from(start).unwrap(), usize::try_from(size).unwrap())).collect()
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_found(part in 0..8_usize, at in 0..0x1_0000_usize, flip in 1_u8..) {
            let parts = spoken_of();
            let (start, size) = parts[part % parts.len()];
            let mut image = IMAGE.clone();
            image[start + at % size] ^= flip;
            prop_assert_eq!(prove_image(&image).is_err(), true);
        }

        #[test]
        fn a_cut_image_is_found(length in 0..0x1_0000_usize) {
            prop_assert_eq!(prove_image(&IMAGE[..length.min(IMAGE.len() - 1)]).is_err(), true);
        }
    }
}
