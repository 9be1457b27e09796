//! Who owns what, as text.
//!
//! Made from the decoded plan, so that it shows what is flashed. Only the names of devices come from the
//! board, for the plan has none.

use crate::assemble::Content;
use crate::board::wire_text;
use crate::expand::System;
use crate::load::size_text;
use bulkhead_plan::{ConsoleKind, NO_PARTITION, PAGE, Partition, Plan, RegionKind, Span, Trigger};
use std::fmt::Write;

/// A stretch of physical addresses in the table.
struct Row {
    span: Span,
    owner: String,
    what: String,
}

/// The whole table.
pub(crate) fn map(system: &System<'_>, plan: &Plan<'_>, contents: &[Content]) -> String {
    let mut text = format!("board {}\n\nphysical addresses\n", plan.board.name);
    for Row { span, owner, what } in rows(system, plan, contents) {
        let range = span.to_string();
        line(&mut text, format_args!("  {range:<28} {:>10}  {owner:<12} {what}", size_text(span.size)));
    }
    for partition in plan.partitions {
        seen(&mut text, plan, partition);
    }
    interrupts(&mut text, plan);
    cpus(&mut text, plan);
    text
}

fn rows(system: &System<'_>, plan: &Plan<'_>, contents: &[Content]) -> Vec<Row> {
    let own = |span: Span, what: &str| Row { span, owner: "bulkhead".to_owned(), what: what.to_owned() };
    let mut rows: Vec<Row> = contents.iter().map(|content| own(content.span, &content.what)).collect();
    rows.push(own(plan.board.distributor, "distributor"));
    if plan.board.console.kind == ConsoleKind::Pl011 {
        rows.push(own(Span { base: plan.board.console.base, size: PAGE }, "console"));
    }
    for partition in plan.partitions {
        for region in partition.regions.of(plan.regions).unwrap_or_default() {
            let what = match region.kind {
                RegionKind::Ram => "memory".to_owned(),
                RegionKind::Device => devices(system, &region.span),
                RegionKind::SgiFrame => "SGI_base of its CPU".to_owned(),
            };
            rows.push(Row { span: region.span, owner: partition.name.to_string(), what });
        }
    }
    rows.extend(free(plan).into_iter().map(|span| Row {
        span,
        owner: "-".to_owned(),
        what: "free memory".to_owned(),
    }));
    rows.sort_by_key(|row| (row.span.base, row.span.size));
    rows
}

/// The devices whose registers lie in these pages.
fn devices(system: &System<'_>, pages: &Span) -> String {
    let owned = system.partitions.iter().flat_map(|partition| &partition.devices);
    let inside = owned.filter(|device| device.registers.iter().any(|registers| registers.overlaps(pages)));
    let paths: Vec<&str> = inside.map(|device| system.board.tree.node(device.node).path.as_str()).collect();
    paths.join(", ")
}

/// RAM of nobody.
fn free(plan: &Plan<'_>) -> Vec<Span> {
    let taken = plan.regions.iter().map(|region| region.span).chain([plan.board.window]);
    taken.fold(plan.memory.to_vec(), |free, taken| {
        free.into_iter().flat_map(|span| crate::board::without(span, taken)).collect()
    })
}

fn seen(text: &mut String, plan: &Plan<'_>, partition: &Partition) {
    line(text, format_args!("\npartition {} (VMID {})", partition.name, partition.vmid));
    line(text, format_args!("  begins at {} with {:#x} in x0", partition.entry, partition.argument));
    for region in partition.regions.of(plan.regions).unwrap_or_default() {
        let kind = match region.kind {
            RegionKind::Ram => "RAM",
            RegionKind::Device => "device",
            RegionKind::SgiFrame => "SGI_base",
        };
        let range = Span { base: bulkhead_plan::Pa(region.ipa.0), size: region.span.size }.to_string();
        line(text, format_args!("  {range:<28} -> {:<12} {kind}", region.span.base.to_string()));
    }
    let uart = match partition.uart_interrupt {
        0 => "virtual PL011, polled".to_owned(),
        intid => format!("virtual PL011, interrupt {intid}"),
    };
    for (at, what) in [(partition.distributor, "distributor, trapped"), (partition.uart, uart.as_str())] {
        if at.0 != 0 {
            line(text, format_args!("  {:<28}    {:<12} {what}", at.to_string(), ""));
        }
    }
}

fn interrupts(text: &mut String, plan: &Plan<'_>) {
    line(text, format_args!("\ninterrupts"));
    for partition in plan.partitions {
        for interrupt in partition.interrupts.of(plan.interrupts).unwrap_or_default() {
            let trigger = match interrupt.trigger {
                Trigger::Level => "level",
                Trigger::Edge => "edge",
            };
            let wire = wire_text(interrupt.intid);
            line(text, format_args!("  {:<5} {wire:<8} {trigger:<6} {}", interrupt.intid, partition.name));
        }
    }
    if plan.interrupts.is_empty() {
        line(text, format_args!("  none"));
    }
}

fn cpus(text: &mut String, plan: &Plan<'_>) {
    line(text, format_args!("\nCPUs"));
    for cpu in plan.cpus {
        let owner = usize::try_from(cpu.partition).ok().and_then(|index| plan.partitions.get(index));
        match owner.filter(|_| cpu.partition != NO_PARTITION) {
            Some(owner) => {
                line(
                    text,
                    format_args!(
                        "  MPIDR {:<8} {} as {:#x}",
                        format!("{:#x}", cpu.mpidr),
                        owner.name,
                        cpu.virtual_mpidr
                    ),
                );
            }
            None => line(text, format_args!("  MPIDR {:<8} -", format!("{:#x}", cpu.mpidr))),
        }
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = text.write_fmt(arguments);
    text.push('\n');
}
