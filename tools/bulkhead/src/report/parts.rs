//! The chapters of the page.

use super::Page;
use crate::diagnostic::Place;
use crate::load::size_text;
use crate::map::{Device, HYPERVISOR};
use bulkhead_plan::Span;
use bulkhead_verify::{Part, PartitionProof};
use maud::{Markup, html};

impl Page<'_> {
    pub(super) fn partitions(&self) -> Markup {
        html! {
            table {
                thead { tr { th { "partition" } th { "CPUs" } th.num { "memory" } th.num { "devices" } th { "runs" } th { "written" } } }
                tbody {
                    @for view in &self.map.partitions {
                        @let cpus: Vec<String> = self.map.cpus.iter().filter(|cpu| cpu.owner.as_ref() == Some(&view.name)).map(|cpu| cpu.number.to_string()).collect();
                        @let memory: u64 = view.seen.iter().filter(|seen| seen.kind == "RAM").map(|seen| seen.size).sum();
                        @let devices = self.map.devices.iter().filter(|device| device.owner.as_ref() == Some(&view.name)).count();
                        tr {
                            td { strong { (view.name) } }
                            td { (cpus.join(", ")) }
                            td.num { (size_text(memory)) }
                            td.num { (devices) }
                            td { code { (view.image) } @if let Some(bootargs) = &view.bootargs { br; code.soft { (bootargs) } } }
                            td { (places(std::slice::from_ref(&view.written))) }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn physical(&self) -> Markup {
        html! {
            table {
                thead { tr { th { "addresses" } th.num { "size" } th { "owner" } th { "what" } th { "written" } } }
                tbody {
                    @for stretch in &self.map.physical {
                        tr {
                            td.hex { (Span::new(stretch.base, stretch.size)) }
                            td.num { (size_text(stretch.size)) }
                            td { @if let Some(owner) = &stretch.owner { (owner) } @else { span.soft { "nobody" } } }
                            td { @if stretch.what.starts_with('/') { code { (stretch.what) } } @else { (prose(&stretch.what)) } }
                            td { (places(&stretch.written)) }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn seen(&self) -> Markup {
        html! {
            @for view in &self.map.partitions {
                h3 { (view.name) }
                p.soft { "VMID " (view.vmid) "; begins at " code { (format!("{:#x}", view.entry)) } " with " code { (format!("{:#x}", view.x0)) } " in x0" }
                table {
                    thead { tr { th { "its addresses" } th.num { "size" } th { "lead to" } th { "what" } } }
                    tbody {
                        @for seen in &view.seen {
                            tr {
                                td.hex { (Span::new(seen.ipa, seen.size)) }
                                td.num { (size_text(seen.size)) }
                                td.hex { @match seen.physical { Some(physical) => (format!("{physical:#x}")), None => span.soft { "the hypervisor answers" } } }
                                td { (seen.kind) @if !seen.nodes.is_empty() { " " code { (seen.nodes.join(", ")) } } }
                            }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn interrupts(&self) -> Markup {
        html! {
            p { "SGIs and PPIs (timers, performance counters) are those of each CPU, and go with it." }
            @if self.map.interrupts.is_empty() { p.soft { "No partition has a shared interrupt." } } @else {
                table {
                    thead { tr { th.num { "INTID" } th { "wire" } th { "trigger" } th { "owner" } th { "raised by" } th { "written" } } }
                    tbody {
                        @for line in &self.map.interrupts {
                            tr {
                                td.num { (line.intid) } td { (line.wire) } td { (line.trigger) } td { (line.owner) }
                                td { code { (line.devices.join(", ")) } }
                                td { (places(&line.written)) }
                            }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn masters(&self) -> Markup {
        let masters = |device: &&Device| {
            device.master && device.owner.as_deref().is_some_and(|owner| owner != HYPERVISOR)
        };
        let masters: Vec<&Device> = self.map.devices.iter().filter(masters).collect();
        html! {
            p { "Stage 2 holds what CPUs do. A device that writes memory by itself is held by nothing but an IOMMU; a "
                "device counts as one unless its kind is known not to." }
            @if masters.is_empty() { p { "No partition has such a device." } } @else {
                table {
                    thead { tr { th { "device" } th { "owner" } th { "kind" } th { "written" } } }
                    tbody {
                        @for device in masters {
                            tr {
                                td { code { (device.path) } } td { (device.owner.as_deref().unwrap_or_default()) }
                                td { code { (device.compatible.first().map_or("", String::as_str)) } }
                                td { @if let Some(written) = &device.written { (places(std::slice::from_ref(written))) } }
                            }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn risks(&self) -> Markup {
        html! {
            @if self.map.statements.is_empty() { p { "Nothing." } }
            @for statement in &self.map.statements {
                div.risk {
                    strong { (statement.partition) ": " code { (statement.device) } } " " (prose(&statement.what)) "."
                    br; "“" (statement.reason) "” " (places(std::slice::from_ref(&statement.written)))
                }
            }
        }
    }

    pub(super) fn nobody(&self) -> Markup {
        let off: Vec<String> = self
            .map
            .cpus
            .iter()
            .filter(|cpu| cpu.owner.is_none())
            .map(|cpu| cpu.number.to_string())
            .collect();
        let left =
            self.map.devices.iter().filter(|device| device.owner.is_none() && !device.registers.is_empty());
        html! {
            p { @if off.is_empty() { "Every CPU has an owner." } @else { "CPUs that stay off: " (off.join(", ")) "." } }
            p { "Devices that no partition reaches:" }
            table {
                thead { tr { th { "device" } th { "kind" } th { "why" } } }
                tbody {
                    @for device in left {
                        tr {
                            td { code { (device.path) } }
                            td { code { (device.compatible.first().map_or("", String::as_str)) } }
                            td { (prose(device.why.as_deref().unwrap_or("nobody asked for it"))) }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn digests(&self) -> Markup {
        let proof = self.proof;
        let parts =
            [("hypervisor", &proof.hypervisor), ("plan", &proof.plan), ("stage-2 tables", &proof.tables)];
        html! {
            p { "The hypervisor's digest is that of its release, whatever the system. That of a partition covers every "
                "mapping that its tables have: two images that let it reach the same have the same." }
            table {
                thead { tr { th { "part" } th { "place" } th { "sha256" } } }
                tbody {
                    @for (what, part) in parts { @if let Some(part) = part { (digest_row(what, part)) } }
                    @for partition in &proof.partitions { (pieces(partition)) }
                }
            }
            h3 { "Made from" }
            table { tbody { @for (file, digest) in self.sources { tr { td { code { (file) } } td.hex.digest { (digest) } } } } }
        }
    }
}

fn digest_row(what: &str, part: &Part) -> Markup {
    html! { tr { td { (what) } td.hex { (Span::from(part.place)) } td.hex.digest { (part.sha256) } } }
}

fn pieces(partition: &PartitionProof) -> Markup {
    html! {
        tr { td { "what " strong { (partition.name) } " reaches" } td { (partition.descriptors) " descriptors" } td.hex.digest { (partition.sha256) } }
        @for piece in &partition.loads {
            tr { td { @if piece.in_place { "in place, not checked at boot, at " } @else { "loaded for it at " } code { (format!("{:#x}", piece.at)) } } td.hex { (Span::from(piece.source)) } td.hex.digest { (piece.sha256) } }
        }
    }
}

/// A sentence as messages have it, with what stands between backticks as code.
fn prose(text: &str) -> Markup {
    html! {
        @for (number, part) in text.split('`').enumerate() {
            @if number % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

/// Lines of files, each once.
fn places(places: &[Place]) -> Markup {
    let mut lines: Vec<String> =
        places.iter().map(|place| format!("{}:{}", place.file, place.line)).collect();
    lines.dedup();
    html! { code.soft { (lines.join(", ")) } }
}
