//! A Zephyr devicetree overlay.
//!
//! For a board of Zephyr's with a GICv3 that is labelled `gic`: memory, the console and the devices of the
//! partition, each with 64-bit addresses and with interrupts of four cells as Zephyr's `arm,gic-v3` has them.

use super::Content;
use crate::map::{Device, Line};
use std::fmt::Write;

/// Zephyr's IRQ_DEFAULT_PRIORITY.
const PRIORITY: u32 = 0xa0;
const LEVEL_HIGH: u32 = 4;
const EDGE_RISING: u32 = 1;

/// Writes it. Writing into a string cannot fail.
pub(super) fn write(content: &Content<'_>) -> String {
    let mut text = format!("/* {}\n * {} */\n\n", content.title(), content.command());
    let (base, size) = content.ram;
    let _ = writeln!(text, "/ {{\n\tchosen {{\n\t\tzephyr,sram = &bulkhead_ram;");
    if content.uart.is_some() {
        let _ = writeln!(text, "\t\tzephyr,console = &bulkhead_uart;");
    }
    let _ = writeln!(text, "\t}};\n\n\tbulkhead_ram: memory@{base:x} {{\n\t\tdevice_type = \"memory\";");
    let _ = writeln!(text, "\t\treg = <{}>;\n\t}};\n\n\tsoc {{", cells(base, size));
    if let Some(uart) = content.uart {
        let _ = writeln!(text, "\t\tbulkhead_uart: uart@{uart:x} {{\n\t\t\tcompatible = \"arm,pl011\";");
        let _ = writeln!(text, "\t\t\treg = <{}>;", cells(uart, 0x1000));
        if let Some(intid) = content.uart_interrupt {
            let line = format!("<0 {} {EDGE_RISING} {PRIORITY:#x}>", intid - 32);
            let _ = writeln!(text, "\t\t\tinterrupts = {line};\n\t\t\tinterrupt-parent = <&gic>;");
        }
        let _ = writeln!(text, "\t\t\tstatus = \"okay\";\n\t\t}};");
    }
    for (name, device) in &content.devices {
        write_device(&mut text, content, name, device);
    }
    text.push_str("\t};\n};\n");
    text
}

fn write_device(text: &mut String, content: &Content<'_>, label: &str, device: &Device) {
    let node = device.path.rsplit('/').next().unwrap_or_default();
    let node = node.split('@').next().unwrap_or_default();
    let base = device.registers.first().map_or(0, |registers| registers.base);
    let kinds: Vec<String> = device.compatible.iter().map(|kind| format!("\"{kind}\"")).collect();
    let reg: Vec<String> =
        device.registers.iter().map(|it| format!("<{}>", cells(it.base, it.size))).collect();
    let _ = writeln!(
        text,
        "\n\t\tbulkhead_{label}: {node}@{base:x} {{\n\t\t\tcompatible = {};",
        kinds.join(", ")
    );
    let _ = writeln!(text, "\t\t\treg = {};", reg.join(", "));
    let lines = |intid: &u32| content.map.interrupts.iter().find(|line| line.intid == *intid);
    let interrupts: Vec<String> = device.interrupts.iter().filter_map(lines).map(interrupt).collect();
    if !interrupts.is_empty() {
        let _ =
            writeln!(text, "\t\t\tinterrupts = {};\n\t\t\tinterrupt-parent = <&gic>;", interrupts.join(", "));
    }
    let _ = writeln!(text, "\t\t\tstatus = \"okay\";\n\t\t}};");
}

fn interrupt(line: &Line) -> String {
    let flags = if line.trigger == "edge" { EDGE_RISING } else { LEVEL_HIGH };
    format!("<0 {} {flags} {PRIORITY:#x}>", line.intid - 32)
}

fn cells(base: u64, size: u64) -> String {
    format!("{:#x} {:#x} {:#x} {:#x}", base >> 32, base & 0xffff_ffff, size >> 32, size & 0xffff_ffff)
}
