//! The chapter on what partitions do beyond their own memory and devices.
//!
//! No table of addresses shows it: a partition that may stop another, or call the firmware, reaches farther than its
//! stage 2.

use super::Page;
use crate::inspect::Owner;
use maud::{Markup, html};
use std::fmt::Display;

impl Page<'_> {
    pub(super) fn powers(&self) -> Markup {
        html! {
            p { "Interrupts that come direct do so without the hypervisor; of a guarded partition it looks at every end "
                "of one. What a function of the firmware does with its arguments is not checked." }
            table {
                thead { tr { th { "partition" } th { "interrupts" } th { "after a fault" } th { "controls" } th { "calls of the firmware" } th { "its devices are silenced by" } } }
                tbody { @for owner in &self.contents.partitions { (row(owner)) } }
            }
        }
    }
}

fn row(owner: &Owner) -> Markup {
    let functions: Vec<String> = owner.firmware_calls.iter().map(|id| format!("{id:#x}")).collect();
    html! {
        tr {
            td { strong { (owner.name) } }
            td { (owner.interrupt_mode) }
            td { (owner.restart) }
            td { (lines(&owner.controls)) }
            td { code { (lines(&functions)) } }
            td { (lines(&owner.silence)) }
        }
    }
}

fn lines(items: &[impl Display]) -> Markup {
    html! {
        @if items.is_empty() { span.soft { "none" } }
        @for (number, item) in items.iter().enumerate() { @if number > 0 { br; } (item.to_string()) }
    }
}
