//! What is proven of an image, and that nothing else is.
//!
//! The crate that proves knows nothing of the planner, so these tests make images by the planner.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::system::{Options, build};
use bulkhead_plan::Plan;
use bulkhead_verify::{PlanBytes, Transcript, verify};
use proptest::prelude::any;
use proptest::{prop_assert, proptest};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;
use support::{assert_is_file, tests};

fn image(system: &Path) -> Vec<u8> {
    let options = Options { images: vec![tests().join("images")], ..Options::default() };
    build(system, &options).unwrap().image
}

static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| image(&tests().join("accept/three.toml")));

/// The parts of the image, each as its first byte and how many: a large one shall not hide a small one.
static PARTS: LazyLock<Vec<(usize, usize)>> = LazyLock::new(|| {
    let bytes = PlanBytes::of(&IMAGE).unwrap();
    let plan = Plan::decode(bytes.bytes()).unwrap();
    let window = plan.board.window.base.0;
    let place =
        |start: u64, size: u64| (usize::try_from(start - window).unwrap(), usize::try_from(size).unwrap());
    let transcript = verify(&IMAGE);
    let mut parts = vec![(0, 64), (64, 80), (0, IMAGE.len())];
    let own = [transcript.hypervisor, transcript.plan, transcript.tables].into_iter().flatten();
    parts.extend(own.map(|part| place(part.place.base, part.place.size)));
    parts.extend(plan.loads.iter().map(|load| place(load.source.0, load.size)));
    parts
});

#[test]
fn a_proof_is_written_as_it_was_written_before() {
    let transcript = verify(&IMAGE);
    assert!(transcript.proven, "{:?}", transcript.faults);
    assert_is_file(&tests().join("accept/three.proof"), transcript.to_string().as_bytes());
}

#[test]
fn a_proof_for_a_program_keeps_to_its_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(Transcript)).unwrap();
    for bytes in [IMAGE.as_slice(), &IMAGE[..0x2000], b"no image"] {
        let document = serde_json::to_value(verify(bytes)).unwrap();
        jsonschema::validate(&schema, &document).unwrap();
    }
}

#[test]
fn partitions_that_reach_the_same_have_the_same_digest() {
    let digests = |name: &str| -> Vec<String> {
        verify(&image(&tests().join(name))).partitions.into_iter().map(|it| it.sha256.0).collect()
    };
    assert_eq!(digests("accept/raw.toml"), digests("accept/raw.toml"));
    let three: BTreeSet<String> = digests("accept/three.toml").into_iter().collect();
    assert_eq!(three.len(), 3);
}

#[test]
fn a_hypervisor_has_one_digest_whatever_the_system() {
    let digest = |name: &str| verify(&image(&tests().join(name))).hypervisor.unwrap().sha256;
    assert_eq!(digest("accept/three.toml"), digest("accept/eight/four.toml"));
}

#[test]
fn no_number_of_a_plan_costs_more_than_an_answer() {
    let (start, size) = PARTS[4];
    assert_eq!(&IMAGE[start..start + 8], bulkhead_plan::MAGIC.as_slice());
    for word in (start..start + size).step_by(4) {
        for huge in [u32::MAX, 1 << 31, 1 << 24] {
            let mut image = IMAGE.clone();
            image[word..word + 4].copy_from_slice(&huge.to_le_bytes());
            assert!(image == *IMAGE || !verify(&image).proven, "{word:#x}");
        }
    }
}

proptest! {
    #[test]
    fn an_image_with_one_bit_flipped_is_never_proven(part in any::<usize>(), at in any::<usize>(), bit in 0..8_u32) {
        let (start, size) = PARTS[part % PARTS.len()];
        let mut image = IMAGE.clone();
        image[start + at % size] ^= 1 << bit;
        prop_assert!(!verify(&image).proven, "byte {:#x}, bit {}", start + at % size, bit);
    }

    #[test]
    fn a_cut_image_is_never_proven(length in any::<usize>()) {
        prop_assert!(!verify(&IMAGE[..length % IMAGE.len()]).proven);
    }

    #[test]
    fn an_image_with_bytes_behind_its_end_is_never_proven(more in proptest::collection::vec(any::<u8>(), 1..4096)) {
        let transcript = verify(&[IMAGE.as_slice(), &more].concat());
        prop_assert!(!transcript.proven);
        let fault = format!("{} bytes lie behind its end, which nothing accounts for", more.len());
        prop_assert!(transcript.faults == [fault]);
    }

    #[test]
    fn any_bytes_give_a_verdict(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        prop_assert!(!verify(&bytes).proven);
    }
}
