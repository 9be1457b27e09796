//! A Rust module.

use super::{Content, numbered};
use std::fmt::Write;

/// Writes it. Writing into a string cannot fail.
pub(super) fn write(content: &Content<'_>) -> String {
    let mut text = format!("//! {}\n//!\n//! {}\n\n", content.title(), content.command());
    let mut constant = |meaning: &str, name: &str, value: u64| {
        let _ = writeln!(text, "/// {meaning}\npub const {name}: usize = {};", grouped(value));
    };
    constant("First byte of memory.", "RAM_BASE", content.ram.0);
    constant("Bytes of memory.", "RAM_SIZE", content.ram.1);
    constant("Where the first CPU begins.", "ENTRY", content.view.entry);
    constant("What the first CPU finds in x0.", "X0", content.view.x0);
    constant("First byte of the distributor.", "GICD_BASE", content.distributor);
    if let Some(base) = content.redistributors {
        constant("First byte of the redistributors.", "GICR_BASE", base);
    }
    if let Some(base) = content.cpu_interface {
        constant("First byte of the CPU interface.", "GICC_BASE", base);
    }
    if let Some(uart) = content.uart {
        constant("First byte of the PL011 that the hypervisor shows.", "UART_BASE", uart);
    }
    if let Some(intid) = content.uart_interrupt {
        let _ = writeln!(text, "/// INTID of that PL011.\npub const UART_IRQ: u32 = {intid};");
    }
    let cpus: Vec<String> = content.cpus.iter().map(|mpidr| grouped(*mpidr)).collect();
    let (count, cpus) = (content.cpus.len(), cpus.join(", "));
    let _ = writeln!(
        text,
        "/// Affinities of the CPUs, as in MPIDR_EL1.\npub const CPU_MPIDRS: [u64; {count}] = [{cpus}];"
    );
    for (name, device) in &content.devices {
        let _ = writeln!(text, "\n/// `{}`\npub mod {name} {{", device.path);
        for (index, registers) in device.registers.iter().enumerate() {
            let (base, size) = (numbered("BASE", index), numbered("SIZE", index));
            let _ = writeln!(
                text,
                "    /// First byte of registers.\n    pub const {base}: usize = {};",
                grouped(registers.base)
            );
            let _ = writeln!(
                text,
                "    /// Bytes of registers.\n    pub const {size}: usize = {};",
                grouped(registers.size)
            );
        }
        for (index, intid) in device.interrupts.iter().enumerate() {
            let name = numbered("IRQ", index);
            let _ = writeln!(text, "    /// INTID of an interrupt.\n    pub const {name}: u32 = {intid};");
        }
        text.push_str("}\n");
    }
    text
}

/// A hexadecimal number, its digits in groups of four as Clippy wants them.
fn grouped(number: u64) -> String {
    let digits = format!("{number:x}");
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(4).rev().collect();
    let groups: Vec<_> = groups.into_iter().map(String::from_utf8_lossy).collect();
    format!("0x{}", groups.join("_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!(grouped(0), "0x0");
        assert_eq!(grouped(0x4040_0000), "0x4040_0000");
        assert_eq!(grouped(0x1_2345), "0x1_2345");
    }
}
