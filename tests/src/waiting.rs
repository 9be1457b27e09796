//! CPUs that nobody turns off, or not at once: firmware refuses to or is slow, or there is none and they come from a
//! spin table.
//!
//! The spin table is made on `virt`: before the image is entered, the loader has QEMU's PSCI start every other CPU in a
//! few instructions that wait for an address, in a page at the end of RAM, and the board's device tree says so.

use crate::gdb::{self, Debugger};
use crate::loader::{Loader, TREE, Tree, bare_machine, device_tree};
use crate::refusal::is_refused_and_stays_on;
use crate::restart::times;
use crate::{Context, Running, Test, patience};
use anyhow::{Context as _, Result, anyhow, ensure};
use bulkhead::system::Built;
use dtoolkit::fdt::Fdt;
use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeProperty};
use regex::bytes::Regex;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("CPUs that the firmware does not turn off wait, and live again", |context| {
        turned_off_by(context, "without-cpu-off")
    }),
    test("CPUs that are slow to turn off are off when another life begins", |context| {
        turned_off_by(context, "late-cpu-off")
    }),
    test("CPUs from a spin table live, and live again, where there is no firmware", released),
    test("a CPU that does not come from its spin table keeps the board from booting", absent),
    test("where nobody turns the board off a failure of EL2 takes all memory away", revoked),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    Test { group: "waiting", name, run, ..Test::PLAIN }
}

/// Firmware of another kind, made by a feature of the hypervisor.
fn turned_off_by(context: &Context<'_>, feature: &str) -> Result<()> {
    let hypervisor = context.hypervisor_with(feature)?;
    let built = context.build(&context.made(feature, &lives(context))?, Some(hypervisor))?;
    let mut machine = context.boot(feature, &built)?;
    all_live(context, &mut machine)?;
    ensure!(machine.wait(patience())?.success(), "the firmware turns the board off");
    Ok(())
}

fn released(context: &Context<'_>) -> Result<()> {
    let built = without_firmware(context, "released", &lives(context), None)?;
    let mut machine = spun(&(0..CPUS).collect::<Vec<_>>(), &[]).start(context, "released", &built)?;
    all_live(context, &mut machine)?;
    machine.says("bulkhead", r"nothing turns this board off\r\n")
}

fn absent(context: &Context<'_>) -> Result<()> {
    let built = without_firmware(context, "absent", &lives(context), None)?;
    let cpus: Vec<u64> = (0..CPUS).filter(|cpu| *cpu != 3).collect();
    let mut machine = spun(&cpus, &[]).start(context, "absent", &built)?;
    is_refused_and_stays_on(&mut machine, r"not booted: CPU 0x3 does not come to EL2 when it is released\r\n")
}

/// A guest that loops for ever and never comes to EL2, and one at whose first exit EL2 fails: where nobody turns the
/// board off, its memory is all that EL2 can take from the other.
fn revoked(context: &Context<'_>) -> Result<()> {
    fs::write(context.scratch("revoked")?.join("loop.bin"), BRANCH_TO_ITSELF.to_le_bytes())?;
    let hypervisor = context.hypervisor_with("broken")?;
    let built = without_firmware(context, "revoked", BROKEN, Some(hypervisor))?;
    let socket = context.scratch("revoked")?.join("gdb");
    let loader = spun(&(0..CPUS).collect::<Vec<_>>(), &gdb::options(&socket));
    let mut machine = loader.start(context, "revoked", &built)?;
    machine.says("bulkhead", r"stopped: exception \d in the hypervisor: ")?;
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let mut debugger = Debugger::connect(&socket)?;
        let levels = [0, 1].map(|cpu| debugger.place(cpu).map(|place| place.pstate >> 2 & 3));
        debugger.detach()?;
        match levels {
            [Ok(2), Ok(2)] => return Ok(()),
            levels => ensure!(Instant::now() < end, "the CPUs are at {levels:?}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// CPUs of the machine.
const CPUS: u64 = 9;

/// Partitions that fall and begin again, one of them with the boot CPU as its second, and one whose second CPU turns
/// itself off.
fn lives(context: &Context<'_>) -> String {
    let restarts = times(context);
    let orders = ["wfi", "loop"]
        .map(|name| format!("restart@{name}:3*{restarts},stop@{name}:3,start@{name},stop@{name}:3"));
    format!(
        r#"
[qemu]
cpus = {CPUS}

[[partition]]
name = "warden"
image = "warden.elf"
bootargs = "orders={}"
cpus = [1]
memory = "4M"
controls = ["wfi", "loop"]

[[partition]]
name = "wfi"
image = "patient.elf"
bootargs = "fall=wfi"
cpus = [2, 0, 3]
memory = "4M"

[[partition]]
name = "loop"
image = "patient.elf"
bootargs = "fall=loop"
cpus = [4, 5, 6]
memory = "4M"

[[partition]]
name = "hello"
image = "hello.elf"
cpus = [7, 8]
memory = "4M"
"#,
        orders.join(",")
    )
}

/// Every life is begun, whole and ended.
fn all_live(context: &Context<'_>, machine: &mut Running<'_>) -> Result<()> {
    machine.says("hello", r"hello: CPU 1 is off\r\n")?;
    let long = Instant::now() + Duration::from_secs(60 + 30 * times(context) as u64);
    machine.expect("warden", &Regex::new(r"warden: done\r\n")?, long)?;
    let orders = String::from_utf8_lossy(machine.transcript("warden")).into_owned();
    ensure!(!orders.contains("WRONG"), "{orders}");
    machine.says("bulkhead", r"every partition has stopped: off\r\n")?;
    for name in ["wfi", "loop"] {
        let text = String::from_utf8_lossy(machine.transcript(name)).into_owned();
        let clean = text.matches("patient: begins clean\r\n").count();
        // The first life, the restarts, and the one that was started.
        ensure!(clean == times(context) + 2, "{name}: {clean} clean lives:\n{text}");
    }
    Ok(())
}

const BROKEN: &str = r#"
[qemu]
cpus = 9

[[partition]]
name = "loop"
image = "loop.bin"
raw = { load-address = 0x40080000 }
device-tree = false
cpus = [1]
memory = "4M"

[[partition]]
name = "hello"
image = "hello.elf"
cpus = [0]
memory = "4M"
"#;

/// Where CPU n waits, and the code that it waits in.
const TABLE: u64 = 0x7fff_d0d8;
const PEN: u64 = 0x7fff_d200;

/// Builds a system of the board as it would be without PSCI.
fn without_firmware(
    context: &Context<'_>,
    name: &str,
    system: &str,
    hypervisor: Option<PathBuf>,
) -> Result<Built> {
    let path = context.made(name, system)?;
    let with_firmware = context.build(&path, None)?;
    let dumped = device_tree(context, name, &bare_machine(&with_firmware, &path)?)?;
    let parsed = Fdt::new(&dumped).map_err(|error| anyhow!("QEMU's device tree: {error}"))?;
    let mut tree = DeviceTree::from_fdt(&parsed);
    take_firmware_away(&mut tree)?;
    fs::write(path.with_file_name("board.dtb"), tree.to_dtb())?;
    let board = path.with_file_name("board.toml");
    let text = fs::read_to_string(&board)?.replace("device-tree = \"qemu\"", "device-tree = \"board.dtb\"");
    fs::write(&board, text)?;
    context.build(&path, hypervisor)
}

fn take_firmware_away(tree: &mut DeviceTree) -> Result<()> {
    tree.root.remove_child("psci").context("QEMU's PSCI")?;
    tree.memory_reservations.push(MemoryReservation::new(TABLE & !0xfff, 0x1000));
    let cpus = tree.find_node_mut("/cpus").context("it has CPUs")?;
    for number in 0..CPUS {
        let cpu = cpus.child_mut(&format!("cpu@{number:x}")).context("it has so many")?;
        cpu.add_property(DeviceTreeProperty::new("enable-method", "spin-table")?);
        let place = (TABLE + 8 * number).to_be_bytes();
        cpu.add_property(DeviceTreeProperty::new("cpu-release-addr", &place[..])?);
    }
    Ok(())
}

/// A loader that leaves these CPUs in the spin table; CPU 0 is the one that it runs on.
fn spun(cpus: &[u64], options: &[String]) -> Loader {
    let started = cpus.iter().filter(|cpu| **cpu != 0).flat_map(|cpu| {
        let place = TABLE + 8 * cpu;
        let values = [(0, CPU_ON), (1, *cpu), (2, PEN), (3, place)];
        values.into_iter().flat_map(|(register, value)| set(register, value)).chain([SMC])
    });
    let pen = [WFE, LDR_X1_X0, CBZ_X1_BACK, BR_X1].into_iter().flat_map(u32::to_le_bytes).collect();
    let tree = Tree { address: TREE, change: Box::new(take_firmware_away) };
    Loader {
        code: started.collect(),
        files: vec![(PEN, pen)],
        options: options.to_vec(),
        ..Loader::with(tree)
    }
}

/// `movz`, `movk`: 32 bits.
fn set(register: u32, value: u64) -> [u32; 2] {
    let half = |shift: u32| u32::try_from(value >> shift & 0xffff).unwrap_or_default() << 5 | register;
    [0xd280_0000 | half(0), 0xf2a0_0000 | half(16)]
}

const CPU_ON: u64 = 0xc400_0003;
const SMC: u32 = 0xd400_0003;
const BRANCH_TO_ITSELF: u32 = 0x1400_0000;
const WFE: u32 = 0xd503_205f;
const LDR_X1_X0: u32 = 0xf940_0001;
/// Two instructions back.
const CBZ_X1_BACK: u32 = 0xb4ff_ffc1;
const BR_X1: u32 = 0xd61f_0020;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_gets_32_bits_in_two_instructions() {
        // mov x2, #0xd200; movk x2, #0x7fff, lsl #16.
        assert_eq!(set(2, PEN), [0xd29a_4002, 0xf2af_ffe2]);
    }
}
