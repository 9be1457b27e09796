//! The page for the safety case says nothing that the proof does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::inspect::inspect;
use bulkhead::system::{Built, Options, build};
use bulkhead_verify::{Stretch, Transcript, verify};
use regex::Regex;
use std::fs;
use std::path::Path;
use support::{board_folder, tests};

const SYSTEMS: &[&str] = &["devices", "eight/four", "kernel", "raw", "rest", "three", "twenty/wide"];

fn built_at(system: &Path) -> Built {
    let options = Options { images: vec![tests().join("images")], ..Options::default() };
    build(system, &options).unwrap()
}

fn built(name: &str) -> Built {
    built_at(&tests().join(format!("accept/{name}.toml")))
}

/// Everything that the proof says of addresses.
fn stretches(proof: &Transcript) -> Vec<Stretch> {
    let parts = [&proof.hypervisor, &proof.plan, &proof.tables].into_iter().flatten().map(|part| part.place);
    let own = proof.own.iter().map(|own| own.place).chain(proof.memory.iter().copied());
    let of_partitions = proof.partitions.iter().flat_map(|partition| {
        let seen = partition.mappings.iter().map(|it| Stretch { base: it.ipa, size: it.place.size });
        let places = partition.mappings.iter().map(|it| it.place);
        let shown = partition.shown.iter().map(|it| it.place);
        let pieces = partition.loads.iter().map(|it| it.source);
        seen.chain(places).chain(shown).chain(pieces).collect::<Vec<_>>()
    });
    parts.chain(own).chain(of_partitions).collect()
}

#[test]
fn every_address_of_the_page_is_found_again_by_the_proof() {
    let hexadecimal = Regex::new("0x[0-9a-f]+").unwrap();
    for name in SYSTEMS {
        let built = built(name);
        let (page, proof) = (built.report(), verify(&built.image));
        let known = stretches(&proof);
        let cpus = proof.partitions.iter().flat_map(|it| &it.cpus).chain(&proof.free_cpus);
        let mut single: Vec<u64> = cpus.copied().collect();
        single.extend(proof.partitions.iter().flat_map(|it| [it.entry, it.x0]));
        // What is no address: identifiers, values of registers and their bits.
        let contents = inspect(&built.image);
        for owner in &contents.partitions {
            single.extend(owner.firmware_calls.iter().copied().map(u64::from));
            single.extend(owner.silence.iter().flat_map(|step| [step.value, step.mask].map(u64::from)));
        }
        let body = page.split_once("</style>").unwrap().1;
        let found: Vec<u64> = hexadecimal
            .find_iter(body)
            .map(|it| u64::from_str_radix(&it.as_str()[2..], 16).unwrap())
            .collect();
        assert!(found.len() > 40, "{name}");
        for address in found {
            let is_known = known.iter().any(|it| it.base <= address && address - it.base < it.size);
            assert!(is_known || single.contains(&address), "{name}: {address:#x}");
        }
    }
}

#[test]
fn a_page_has_every_digest_of_the_proof() {
    let built = built("three");
    let (page, proof) = (built.report(), verify(&built.image));
    let parts =
        [&proof.hypervisor, &proof.plan, &proof.tables].into_iter().flatten().map(|part| &part.sha256);
    let all = parts.chain([&proof.image.sha256]).chain(proof.partitions.iter().map(|it| &it.sha256));
    assert_eq!(all.filter(|digest| page.contains(&digest.0)).count(), 7);
}

#[test]
fn what_was_accepted_is_told_with_its_reason() {
    let page = built("rest").report();
    assert!(
        page.contains("“a test”")
            && page.contains("P0401: device <code>/virtio_mmio@a003e00</code> of <code>most</code>")
    );
    assert!(built("three").report().contains("<p>Nothing.</p>"));
}

#[test]
fn what_a_partition_may_do_and_what_ends_it_is_told() {
    let (_outer, folder) = board_folder();
    fs::copy(tests().join("board/extra.dtb"), folder.join("board.dtb")).unwrap();
    let board = fs::read_to_string(tests().join("accept/board.toml")).unwrap();
    fs::write(folder.join("board.toml"), board.replace("../board/extra.dtb", "board.dtb")).unwrap();
    let system = fs::read_to_string(tests().join("accept/three.toml")).unwrap();
    let more = "cpus = [0]\ninterrupts = \"guarded\"\non-fault = \"restart\"\ncontrols = [\"third\"]\n\
                firmware-calls = [0xc2000001]";
    fs::write(folder.join("three.toml"), system.replace("cpus = [0]", more)).unwrap();
    let built = built_at(&folder.join("three.toml"));
    let row = "<td><strong>first</strong></td><td>guarded</td><td>restart, at most 3 times, first after 100 ms</td>\
               <td>third</td><td><code>0xc2000001</code></td>";
    assert!(built.report().contains(row), "{}", built.report());
    assert!(built.report().contains("<td><strong>second</strong></td><td>direct</td><td>stop</td>"));
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    let page = built("rest").report();
    let links = Regex::new("(?:href|src)=\"([^\"]*)\"").unwrap();
    assert!(links.captures_iter(&page).all(|link| link[1].starts_with('#')));
    assert!(!page.contains("url(") && !page.contains("@import") && !page.contains("<script"));
}

#[test]
fn names_from_files_are_text_and_never_markup() {
    let (_outer, folder) = board_folder();
    let accept = tests().join("accept");
    let board = fs::read_to_string(accept.join("board.toml")).unwrap();
    let tree = tests().join("board/extra.dtb");
    fs::write(folder.join("board.toml"), board.replace("../board/extra.dtb", tree.to_str().unwrap()))
        .unwrap();
    let system = fs::read_to_string(accept.join("rest.toml")).unwrap().replace("\"a test\"", "\"<b>&\"");
    fs::write(folder.join("rest.toml"), system).unwrap();
    let page = built_at(&folder.join("rest.toml")).report();
    assert!(page.contains("“&lt;b&gt;&amp;”") && !page.contains("<b>"));
}

#[test]
fn the_same_system_gives_the_same_page() {
    assert_eq!(built("rest").report(), built("rest").report());
}
