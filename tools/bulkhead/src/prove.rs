//! The proof, made from the bytes that are flashed.
//!
//! Nothing that was decided on the way is trusted: the plan is found through the image's own header, decoded
//! again, checked against its digests and its invariants, and the stage-2 tables are walked.

use crate::wire::digest;
use bulkhead_core::prove::{Proof, prove};
use bulkhead_plan::{BOOT_HEADER_OFFSET, BootHeader, Plan, verify};
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

/// Proves a finished image.
pub(crate) fn prove_image(image: &[u8]) -> Result<Proof, String> {
    let header = boot_header(image)?;
    let bytes = PlanBytes::of(image)?;
    let plan = Plan::decode(bytes.bytes()).map_err(|error| error.to_string())?;
    if digest(plan.digested()) != plan.header.digest {
        return Err("the plan's digest is wrong".to_owned());
    }
    if header.window != plan.board.window
        || header.heap != plan.board.heap
        || header.console != plan.board.console
    {
        return Err("the boot header and the plan contradict each other".to_owned());
    }
    verify(&plan).map_err(|violation| violation.to_string())?;
    let window = header.window.base.0;
    let inside = |base: u64, size| part(image, base.checked_sub(window)?, size);
    let place = plan.header.tables;
    let tables = inside(place.base.0, place.size).ok_or("its stage-2 tables are cut off")?;
    if digest(tables) != plan.header.tables_digest {
        return Err("the tables' digest is wrong".to_owned());
    }
    for load in plan.loads {
        let bytes = inside(load.source.0, load.size).ok_or("a guest's image is cut off")?;
        if digest(bytes) != load.digest {
            return Err("the digest of a guest's image is wrong".to_owned());
        }
    }
    prove(&plan, tables).map_err(|failure| failure.to_string())
}

fn boot_header(image: &[u8]) -> Result<BootHeader, String> {
    let bytes = image.get(BOOT_HEADER_OFFSET..BOOT_HEADER_OFFSET + size_of::<BootHeader>());
    let header = bytes.and_then(|bytes| BootHeader::try_read_from_bytes(bytes).ok());
    header.ok_or_else(|| "its boot header is damaged".to_owned())
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
