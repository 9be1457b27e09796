//! A C header.

use super::{Content, numbered};
use std::fmt::Write;

/// Writes it.
pub(super) fn write(content: &Content<'_>) -> String {
    let guard = format!("BULKHEAD_{}_H", super::identifier(&content.view.name).to_uppercase());
    let mut text = format!("/* {}\n * {} */\n", content.title(), content.command());
    let _ = write!(text, "#ifndef {guard}\n#define {guard}\n\n");
    let mut define = |name: &str, value: String| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "#define BULKHEAD_{name} {value}");
    };
    let address = |value: u64| format!("{value:#x}UL");
    define("RAM_BASE", address(content.ram.0));
    define("RAM_SIZE", address(content.ram.1));
    define("ENTRY", address(content.view.entry));
    define("X0", address(content.view.x0));
    define("GICD_BASE", address(content.distributor));
    for (name, base) in [("GICR_BASE", content.redistributors), ("GICC_BASE", content.cpu_interface)] {
        base.into_iter().for_each(|base| define(name, address(base)));
    }
    if let Some(uart) = content.uart {
        define("UART_BASE", address(uart));
    }
    if let Some(intid) = content.uart_interrupt {
        define("UART_IRQ", intid.to_string());
    }
    define("CPUS", content.cpus.len().to_string());
    let cpus: Vec<String> = content.cpus.iter().map(|mpidr| address(*mpidr)).collect();
    define("CPU_MPIDRS", format!("{{ {} }}", cpus.join(", ")));
    for (name, device) in &content.devices {
        let name = name.to_uppercase();
        for (index, registers) in device.registers.iter().enumerate() {
            define(&format!("{name}_{}", numbered("BASE", index)), address(registers.base));
            define(&format!("{name}_{}", numbered("SIZE", index)), address(registers.size));
        }
        for (index, intid) in device.interrupts.iter().enumerate() {
            define(&format!("{name}_{}", numbered("IRQ", index)), intid.to_string());
        }
    }
    let _ = writeln!(text, "\n#endif");
    text
}
