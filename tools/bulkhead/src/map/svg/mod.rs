//! The map as a drawing that stands by itself: SVG without anything from elsewhere.
//!
//! One rectangle for each stretch of addresses, labelled, at most as wide as an A4 page is when printed.
//! Heights grow with the logarithm of the size, for a page and a gigabyte have to be on one sheet. Colours
//! are Okabe and Ito's, told apart by people who see fewer of them; the owner's name is on every rectangle,
//! so that nothing is said by colour alone. The drawing is light or dark as its reader is, and light on paper.

mod canvas;
mod palette;

use super::{Core, HYPERVISOR, Line, Map, Seen, Stretch, View};
use crate::load::size_text;
use bulkhead_plan::Span;
use canvas::{Canvas, Frame, Region, shortened};

use palette::{STYLE, class_of};

/// Width of the drawing, and of each of its two columns.
const WIDTH: u32 = 1000;
const COLUMN: u32 = 480;
/// Where the second column begins.
const SECOND: u32 = WIDTH - COLUMN;

/// A stretch of addresses in one of the columns.
struct Strip<'a> {
    x: u32,
    addresses: Span,
    owner: Option<&'a str>,
    label: (&'a str, &'a str),
    group: &'static str,
}

impl Map {
    /// The map as an SVG document.
    pub fn svg(&self) -> String {
        let mut canvas = Canvas::default();
        canvas.text(0, 26, "bh-title", &format!("{} on {}", self.system, self.board));
        let below = self.draw_legend(&mut canvas);
        let top = self.draw_cpus(&mut canvas, below + 24);
        let left = self.draw_physical(&mut canvas, top);
        let mut right = top;
        for view in &self.partitions {
            right = self.draw_view(&mut canvas, view, right);
        }
        let bottom = self.draw_interrupts(&mut canvas, left.max(right));
        let title = format!("Who owns what: {} on {}", self.system, self.board);
        canvas.document(Frame { width: WIDTH, height: bottom + 8 }, &title, STYLE)
    }

    /// The classes of an owner's rectangles.
    fn class(&self, owner: Option<&str>) -> String {
        class_of(self.partitions.iter().map(|view| view.name.as_str()), owner)
    }

    fn draw_legend(&self, canvas: &mut Canvas) -> u32 {
        let partitions = self.partitions.iter().map(|view| Some(view.name.as_str()));
        let (mut x, mut y) = (0, 44);
        for owner in partitions.chain([Some(HYPERVISOR), None]) {
            let name = owner.unwrap_or("nobody");
            let width = 34 + 8 * count(name);
            if x + width > WIDTH {
                (x, y) = (0, y + 24);
            }
            canvas.swatch(x, y, &self.class(owner));
            canvas.text(x + 22, y + 12, "bh-name", name);
            x += width;
        }
        y + 16
    }

    fn draw_cpus(&self, canvas: &mut Canvas, top: u32) -> u32 {
        const ACROSS: u32 = 8;
        const PITCH: u32 = WIDTH / ACROSS;
        canvas.text(0, top, "bh-head", "CPUs");
        let mut cpus: Vec<&Core> = self.cpus.iter().collect();
        cpus.sort_by_key(|cpu| cpu.number);
        let mut bottom = top + 10;
        for (index, cpu) in (0..).zip(cpus) {
            let (x, y) = (index % ACROSS * PITCH, top + 10 + index / ACROSS * 44);
            let owner = cpu.owner.as_deref();
            canvas.region(&Region {
                x,
                y,
                width: PITCH - 8,
                height: 36,
                group: "bh-cpu",
                class: self.class(owner),
                label: (format!("CPU {}", cpu.number), String::new()),
                right: format!("{:#x}", cpu.mpidr),
                below: Some(owner.unwrap_or("nobody").to_owned()),
                title: format!(
                    "CPU {}, MPIDR {:#x}, of {}",
                    cpu.number,
                    cpu.mpidr,
                    owner.unwrap_or("nobody")
                ),
            });
            bottom = y + 44;
        }
        bottom + 24
    }

    fn draw_physical(&self, canvas: &mut Canvas, top: u32) -> u32 {
        canvas.text(0, top, "bh-head", "Physical addresses");
        let mut y = top + 10;
        let mut end = self.physical.first().map_or(0, |stretch| stretch.base);
        for Stretch { base, size, owner, what, .. } in &self.physical {
            y = canvas.gap(y, 0, end == *base);
            let owner = owner.as_deref();
            let label = (owner.unwrap_or("nobody"), what.as_str());
            let strip =
                Strip { x: 0, addresses: Span::new(*base, *size), owner, label, group: "bh-physical" };
            y = self.draw_strip(canvas, y, &strip);
            end = base.saturating_add(*size);
        }
        y + 28
    }

    fn draw_view(&self, canvas: &mut Canvas, view: &View, top: u32) -> u32 {
        canvas.text(SECOND, top, "bh-head", &format!("What {} sees", view.name));
        let begins = format!("begins at {:#x}, x0 = {:#x}, VMID {}", view.entry, view.x0, view.vmid);
        canvas.text(SECOND, top + 16, "bh-soft", &begins);
        let mut y = top + 24;
        let mut end = view.seen.first().map_or(0, |seen| seen.ipa);
        for Seen { ipa, size, physical, kind, nodes, .. } in &view.seen {
            y = canvas.gap(y, SECOND, end == *ipa);
            let what = if nodes.is_empty() { (*kind).to_owned() } else { nodes.join(", ") };
            let (owner, leads) = match physical {
                Some(physical) => (view.name.as_str(), format!("→ {physical:#x}")),
                None => (HYPERVISOR, format!("by {HYPERVISOR}")),
            };
            let label = (what.as_str(), leads.as_str());
            let addresses = Span::new(*ipa, *size);
            let strip = Strip { x: SECOND, addresses, owner: Some(owner), label, group: "bh-seen" };
            y = self.draw_strip(canvas, y, &strip);
            end = ipa.saturating_add(*size);
        }
        y + 28
    }

    fn draw_strip(&self, canvas: &mut Canvas, y: u32, strip: &Strip<'_>) -> u32 {
        const ADDRESS: u32 = 122;
        const LETTERS: usize = 38;
        let Strip { x, addresses, owner, label: (name, what), group } = *strip;
        let height = height(addresses.size);
        canvas.text(x + ADDRESS - 8, y + 13, "bh-address", &addresses.base.to_string());
        let short = shortened(name, LETTERS - 12);
        let left = LETTERS.saturating_sub(short.chars().count());
        canvas.region(&Region {
            x: x + ADDRESS,
            y,
            width: COLUMN - ADDRESS,
            height,
            group,
            class: self.class(owner),
            label: (short, shortened(&what.replace('`', ""), left)),
            right: size_text(addresses.size),
            below: None,
            title: format!("{addresses}: {name} {what}"),
        });
        y + height
    }

    fn draw_interrupts(&self, canvas: &mut Canvas, top: u32) -> u32 {
        const ACROSS: u32 = 4;
        const PITCH: u32 = WIDTH / ACROSS;
        canvas.text(0, top, "bh-head", "Interrupts");
        if self.interrupts.is_empty() {
            canvas.text(0, top + 20, "bh-soft", "none but those of each CPU");
            return top + 28;
        }
        let mut bottom = top;
        for (index, line) in (0..).zip(&self.interrupts) {
            let Line { intid, wire, trigger, owner, devices, .. } = line;
            let (x, y) = (index % ACROSS * PITCH, top + 10 + index / ACROSS * 44);
            canvas.region(&Region {
                x,
                y,
                width: PITCH - 8,
                height: 36,
                group: "bh-interrupt",
                class: self.class(Some(owner)),
                label: (intid.to_string(), owner.clone()),
                right: format!("{wire}, {trigger}"),
                below: Some(shortened(&devices.join(", "), 34)),
                title: format!("interrupt {intid} ({wire}, {trigger}) of {owner}: {}", devices.join(", ")),
            });
            bottom = y + 44;
        }
        bottom
    }
}

/// Larger stretches are higher, by the logarithm of their pages.
fn height(size: u64) -> u32 {
    20 + 2 * (size / 4096).checked_ilog2().unwrap_or(0)
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(0)
}
