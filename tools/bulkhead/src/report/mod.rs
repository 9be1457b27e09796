//! One page for the safety case: who owns what, why, and that it is proven.
//!
//! It has no date and nothing from elsewhere: the same system gives the same page, to the byte. Addresses come
//! from the map and from the proof, which are made apart from each other; a test finds every address of the
//! page again in the proof.

mod parts;
mod powers;

use crate::inspect::Contents;
use crate::map::Map;
use bulkhead_verify::Transcript;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Everything that the page says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    /// Who owns what.
    pub(crate) map: &'a Map,
    /// What the image holds.
    pub(crate) contents: &'a Contents,
    /// What was proven of the image.
    pub(crate) proof: &'a Transcript,
    /// The files that the system was made from, each with its digest.
    pub(crate) sources: &'a [(String, String)],
}

/// The chapters, each with its anchor.
const CHAPTERS: [(&str, &str); 10] = [
    ("drawing", "The whole, drawn"),
    ("partitions", "Partitions"),
    ("physical", "Physical addresses"),
    ("seen", "What each partition sees"),
    ("interrupts", "Interrupts"),
    ("powers", "Faults, orders and firmware"),
    ("dma", "Devices that write memory"),
    ("risks", "What was accepted in writing"),
    ("nobody", "What nobody has"),
    ("digests", "Proof and digests"),
];

impl Page<'_> {
    /// The page.
    pub(crate) fn html(&self) -> String {
        let Self { map, .. } = self;
        let title = format!("{} on {}", map.system, map.board);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width,initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) ": who owns what" }
                    style { (PreEscaped(include_str!("style.css"))) }
                }
                body {
                    h1 { (title) }
                    p.soft { "Who owns what, and the proof of it. Made by Bulkhead " (env!("CARGO_PKG_VERSION")) "." }
                    (self.verdict())
                    nav { ol { @for (anchor, chapter) in CHAPTERS { li { a href={ "#" (anchor) } { (chapter) } } } } }
                    @for ((anchor, chapter), body) in CHAPTERS.iter().zip(self.chapters()) {
                        section class=(anchor) { h2 id=(anchor) { (chapter) } (body) }
                    }
                }
            }
        };
        page.into_string()
    }

    fn chapters(&self) -> [Markup; CHAPTERS.len()] {
        [
            html! { figure { (PreEscaped(self.map.svg())) } },
            self.partitions(),
            self.physical(),
            self.seen(),
            self.interrupts(),
            self.powers(),
            self.masters(),
            self.risks(),
            self.nobody(),
            self.digests(),
        ]
    }

    fn verdict(&self) -> Markup {
        let Transcript { partitions, image, .. } = self.proof;
        let descriptors: usize = partitions.iter().map(|partition| partition.descriptors).sum();
        html! {
            div.verdict {
                strong { "Proven" } " from the " (image.place.size) " bytes of the image, by every one of "
                (descriptors) " descriptors of its tables:"
                ul {
                    li { "no physical address, no CPU and no interrupt has two owners;" }
                    li { "no partition reaches memory or registers of the hypervisor;" }
                    li { "every partition reaches all that it was given." }
                }
                p.hex { "image sha256 " (image.sha256.0) }
                p.soft { "Anybody who holds the image can repeat it: " code { "bulkhead verify" } "." }
            }
        }
    }
}
