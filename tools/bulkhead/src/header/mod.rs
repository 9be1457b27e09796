//! Addresses and interrupt numbers of a partition, as source for what runs in it.
//!
//! An RTOS that reads no device tree has these numbers compiled in. Made from the map, they are those of the
//! image and are typed by nobody.

mod c;
mod rust;
mod zephyr;

use crate::map::{Device, Map, View};
use clap::ValueEnum;
use std::collections::HashMap;

/// What the source is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A C header
    C,
    /// A Rust module
    Rust,
    /// A Zephyr devicetree overlay
    Zephyr,
}

/// What one partition has, by names that can stand in source.
struct Content<'a> {
    map: &'a Map,
    view: &'a View,
    ram: (u64, u64),
    distributor: u64,
    /// Those of a GICv3.
    redistributors: Option<u64>,
    /// That of a GICv2.
    cpu_interface: Option<u64>,
    /// The virtual PL011, if it has no UART of its own, and the interrupt of that.
    uart: Option<u64>,
    uart_interrupt: Option<u32>,
    /// Affinities that its CPUs see in MPIDR_EL1.
    cpus: Vec<u64>,
    devices: Vec<(String, &'a Device)>,
}

/// The source for a partition; `None` if there is none of that name.
pub fn header(map: &Map, partition: &str, format: Format) -> Option<String> {
    let view = map.partitions.iter().find(|view| view.name == partition)?;
    let content = Content::of(map, view);
    Some(match format {
        Format::C => c::write(&content),
        Format::Rust => rust::write(&content),
        Format::Zephyr => zephyr::write(&content),
    })
}

impl<'a> Content<'a> {
    fn of(map: &'a Map, view: &'a View) -> Self {
        let first = |kind: &str| view.seen.iter().find(|seen| seen.kind == kind);
        let base = |kind| first(kind).map_or(0, |seen| seen.ipa);
        let is_own = |owner: &Option<String>| owner.as_ref() == Some(&view.name);
        let devices = map.devices.iter().filter(|it| is_own(&it.owner) && !it.registers.is_empty()).collect();
        Self {
            map,
            view,
            ram: first("RAM").map_or((0, 0), |seen| (seen.ipa, seen.size)),
            distributor: base("distributor"),
            redistributors: first("redistributor").map(|seen| seen.ipa),
            cpu_interface: first("GICC").or_else(|| first("CPU interface")).map(|seen| seen.ipa),
            uart: first("virtual PL011").map(|seen| seen.ipa),
            uart_interrupt: first("virtual PL011").and_then(|seen| seen.interrupt),
            cpus: map.cpus.iter().filter(|cpu| is_own(&cpu.owner)).map(|cpu| cpu.virtual_mpidr).collect(),
            devices: named(devices),
        }
    }

    /// The first line: what this is, and who made it.
    fn title(&self) -> String {
        let Self { map, view, .. } = self;
        format!("What the partition `{}` of {} on {} has.", view.name, map.system, map.board)
    }

    fn command(&self) -> String {
        format!(
            "Written by `bulkhead header {} {}`: change the system, not this file.",
            self.map.system, self.view.name
        )
    }
}

/// Each device with the name of its node, or with its whole path where two nodes have one name.
fn named(devices: Vec<&Device>) -> Vec<(String, &Device)> {
    let short = |device: &Device| identifier(device.path.rsplit('/').next().unwrap_or_default());
    let mut counts: HashMap<String, usize> = HashMap::new();
    for device in &devices {
        *counts.entry(short(device)).or_default() += 1;
    }
    let name = |device: &Device| match short(device) {
        short if counts.get(&short) == Some(&1) => short,
        _ => identifier(device.path.trim_start_matches('/')),
    };
    devices.into_iter().map(|device| (name(device), device)).collect()
}

/// A name that C and Rust take, in lower case.
fn identifier(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().map(plain).collect();
    if name.starts_with(|letter: char| letter.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// `BASE`, `BASE_1` and so on.
fn numbered(name: &str, index: usize) -> String {
    if index == 0 { name.to_owned() } else { format!("{name}_{index}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_nodes_become_names_of_constants() {
        assert_eq!(identifier("pl011@9040000"), "pl011_9040000");
        assert_eq!(identifier("8250-Uart@1"), "_8250_uart_1");
    }
}
