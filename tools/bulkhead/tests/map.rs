//! The map, read by readers that are not ours.
//!
//! A drawing goes into a safety case and a document into somebody's program: both are taken at their word.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::map::Map;
use bulkhead::system::{Built, Options, build};
use bulkhead_verify::verify;
use roxmltree::{Document, Node};
use std::collections::BTreeSet;
use support::tests;

const SYSTEMS: &[&str] = &["devices", "eight/four", "kernel", "raw", "rest", "three", "twenty/wide"];

fn built(name: &str) -> Built {
    let options = Options { images: vec![tests().join("images")], ..Options::default() };
    build(&tests().join(format!("accept/{name}.toml")), &options).unwrap()
}

/// The rectangles of a kind, each with its label and its full title.
fn regions(document: &Document<'_>, kind: &str) -> Vec<(String, String)> {
    let of_kind = |node: &Node<'_, '_>| {
        node.tag_name().name() == "g" && node.attribute("class").unwrap().split(' ').next() == Some(kind)
    };
    let groups = document.descendants().filter(of_kind);
    groups
        .map(|group| {
            let children = |name: &str| -> Vec<Node<'_, '_>> {
                group.children().filter(|child| child.tag_name().name() == name).collect()
            };
            assert_eq!(children("rect").len(), 1);
            let text =
                |node: &Node<'_, '_>| node.descendants().filter_map(|it| it.text()).collect::<String>();
            (text(&children("text")[0]), text(&children("title")[0]))
        })
        .collect()
}

#[test]
fn a_drawing_has_one_labelled_rectangle_for_each_region() {
    for name in SYSTEMS {
        let built = built(name);
        let (map, svg) = (built.map(), built.map().svg());
        let document = Document::parse(&svg).unwrap();
        let physical = regions(&document, "bh-physical");
        assert_eq!(physical.len(), map.physical.len(), "{name}");
        for (stretch, (label, title)) in map.physical.iter().zip(&physical) {
            let owner = stretch.owner.as_deref().unwrap_or("nobody");
            assert!(label.starts_with(owner), "{name}: {label}");
            assert!(
                title.starts_with(&format!("{:#x}..=", stretch.base)) && title.ends_with(&stretch.what),
                "{title}"
            );
        }
        let seen: usize = map.partitions.iter().map(|view| view.seen.len()).sum();
        assert_eq!(regions(&document, "bh-seen").len(), seen, "{name}");
        assert_eq!(regions(&document, "bh-cpu").len(), map.cpus.len(), "{name}");
        assert_eq!(regions(&document, "bh-interrupt").len(), map.interrupts.len(), "{name}");
    }
}

#[test]
fn a_drawing_needs_nothing_from_elsewhere() {
    let svg = built("rest").map().svg();
    let document = Document::parse(&svg).unwrap();
    let foreign = ["href", "src", "url"];
    let attributes = document.descendants().flat_map(|node| node.attributes().collect::<Vec<_>>());
    assert_eq!(attributes.filter(|it| foreign.contains(&it.name())).count(), 0);
    assert!(!svg.contains("url(") && !svg.contains("@import"));
}

#[test]
fn rectangles_of_a_column_do_not_overlap_and_lie_on_the_page() {
    for name in SYSTEMS {
        let svg = built(name).map().svg();
        let document = Document::parse(&svg).unwrap();
        let number = |node: Node<'_, '_>, name: &str| node.attribute(name).unwrap().parse::<u32>().unwrap();
        let frame = document.root_element().attribute("viewBox").unwrap().split(' ').next_back().unwrap();
        let page: u32 = frame.parse().unwrap();
        let mut rectangles: Vec<[u32; 4]> = document
            .descendants()
            .filter(|node| node.tag_name().name() == "rect" && node.attribute("class").is_none())
            .map(|node| ["x", "y", "width", "height"].map(|name| number(node, name)))
            .collect();
        rectangles.sort_by_key(|[_, y, ..]| *y);
        for (index, [x, y, width, height]) in rectangles.iter().enumerate() {
            assert!(y + height <= page && x + width <= 1000, "{name}");
            for [other_x, other_y, other_width, _] in &rectangles[index + 1..] {
                let beside = x + width <= *other_x || other_x + other_width <= *x;
                assert!(beside || y + height <= *other_y, "{name}: {x},{y} and {other_x},{other_y}");
            }
        }
    }
}

#[test]
fn a_map_for_a_program_keeps_to_its_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(Map)).unwrap();
    for name in SYSTEMS {
        let document = serde_json::to_value(built(name).map()).unwrap();
        jsonschema::validate(&schema, &document).unwrap();
    }
}

#[test]
fn every_address_of_a_partition_in_the_map_is_one_that_the_proof_finds() {
    for name in SYSTEMS {
        let built = built(name);
        let proof = verify(&built.image);
        for (view, proven) in built.map().partitions.iter().zip(&proof.partitions) {
            let seen = view.seen.iter().filter_map(|it| Some((it.ipa, it.physical?, it.size)));
            let mapped = proven.mappings.iter().map(|it| (it.ipa, it.place.base, it.place.size));
            assert_eq!(pages(seen), pages(mapped), "{name}: {}", view.name);
        }
    }
}

/// Every 4 KiB of translations: neighbours may be joined in one answer and not in the other.
fn pages(translations: impl Iterator<Item = (u64, u64, u64)>) -> BTreeSet<(u64, u64)> {
    let each = |(ipa, physical, size): (u64, u64, u64)| {
        (0..size).step_by(0x1000).map(move |offset| (ipa + offset, physical + offset))
    };
    translations.flat_map(each).collect()
}

#[test]
fn physical_stretches_do_not_overlap() {
    for name in SYSTEMS {
        let built = built(name);
        for pair in built.map().physical.windows(2) {
            assert!(pair[0].base + pair[0].size <= pair[1].base, "{name}: {:?}", pair);
        }
    }
}
