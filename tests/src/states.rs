//! Two security states: what real boards have, whose firmware keeps some of the GIC for itself.
//!
//! With `secure=on` QEMU's GIC has them (`GICD_CTLR.DS = 0`), and starts an image as firmware would: at EL2 of the
//! Non-secure state, every interrupt in group 1, the PSCI called by SMC. Of the GIC EL2 and its guests then have the
//! Non-secure view (GICv3 §4.6 and §4.8, GICv2 §3.8): no groups, half of the priorities, another GICD_CTLR.

use crate::counts::Counts;
use crate::restart::fall::{self, Interrupts};
use crate::{Again, Context, Need, Test, patience};
use anyhow::{Context as _, Result, ensure};
use regex::Regex;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("with two security states, bare metal runs as with one", bare_metal).again(Again::Always),
    test("with two security states, a partition finds what a Non-secure one is to find", views)
        .again(Again::Always),
    test("with two security states, however a CPU falls, its partition is stopped and begins again", falls)
        .again(Again::Long),
    Test {
        needs: &[Need::Linux],
        ..test("with two security states, Linux works on two CPUs without an exit for an interrupt", linux)
    }
    .again(Again::Always),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    Test { group: "states", name, run, ..Test::PLAIN }
}

/// How long attacks, and Linux, may take.
const PATIENCE: Duration = Duration::from_secs(240);

fn bare_metal(context: &Context<'_>) -> Result<()> {
    let system = fs::read_to_string(context.shipped("demo")?)?;
    let one = exits(context, &context.made("one-state", &system)?)?;
    let two = exits(context, &made(context, "two-states", &system)?)?;
    ensure!(one == two, "{one:?} became {two:?}");
    Ok(())
}

/// Exits by reason, but for those of the UART: what is said has numbers of various lengths.
fn exits(context: &Context<'_>, system: &Path) -> Result<[BTreeMap<String, u64>; 3]> {
    let mut machine = context.run("states", system)?;
    let all = Counts::of_all(&mut machine, ["hello", "ticker", "trespasser"])?;
    ensure!(machine.wait(patience())?.success());
    Ok(all.map(|Counts { mut exits, .. }| {
        exits.remove("uart");
        exits
    }))
}

fn falls(context: &Context<'_>) -> Result<()> {
    let modes: &[Interrupts] =
        if context.long { &[Interrupts::Guarded, Interrupts::Direct] } else { &[Interrupts::Guarded] };
    modes.iter().try_for_each(|interrupts| fall::run_made(context, (*interrupts, 1), made))
}

/// By the attacks on the interrupt controller, which know what there is to see.
fn views(context: &Context<'_>) -> Result<()> {
    let modes: &[&str] = if context.long { &["direct", "guarded"] } else { &["direct"] };
    let done = regex::bytes::Regex::new(r"(?m)^done\r\n")?;
    for mode in modes {
        let mut machine = context.run("states", &made(context, "views", &VIEWS.replace("MODE", mode))?)?;
        machine.expect("intruder", &done, Instant::now() + PATIENCE)?;
        let said = String::from_utf8_lossy(machine.transcript("intruder")).into_owned();
        ensure!(said.contains("the GIC has two security states\r\n"), "{said}");
        ensure!(said.contains("\n0 attacks ended otherwise than they must\r\n"), "{said}");
        let counts = Counts::wait_for(&mut machine, "intruder")?;
        ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
    }
    Ok(())
}

const VIEWS: &str = r#"
[[partition]]
name = "intruder"
image = "intruder.elf"
bootargs = "families=frames,sgi spis=39 interrupts=MODE"
cpus = [0]
memory = "8M"
interrupts = "MODE"
devices = ["/pl061@9030000"]
"#;

/// It has no UART of its own: the second one is the secure state's.
fn linux(context: &Context<'_>) -> Result<()> {
    let mut machine = context.run("states", &made(context, "linux", LINUX)?)?;
    let gic = context.board.gic_in_linux();
    for said in [
        r"linux: ready, 2 CPUs\r\n".to_owned(),
        format!(r"\n *\d+: +[1-9]\d* +[1-9]\d* +{gic} +27 Level +arch_timer"),
        "reboot: Power down".to_owned(),
    ] {
        machine.expect("linux", &regex::bytes::Regex::new(&said)?, Instant::now() + PATIENCE)?;
    }
    let counts = Counts::wait_for(&mut machine, "linux")?;
    ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
    Ok(())
}

const LINUX: &str = r#"
[[partition]]
name = "linux"
image = "linux/Image"
initrd = "linux/initrd.cpio.gz"
bootargs = '''console=ttyAMA0 earlycon nokaslr run="seq 20000 | sha256sum; cat /proc/interrupts"'''
cpus = [1, 2]
memory = "384M"
"#;

/// A system of the test's board with two security states.
fn made(context: &Context<'_>, name: &str, text: &str) -> Result<PathBuf> {
    let system = context.made(name, text)?;
    let path = system.with_file_name("board.toml");
    let board = fs::read_to_string(&path)?.replace("virt,virt", "virt,secure=on,virt");
    let machine = Regex::new("machine = \"([^\"]*secure=on[^\"]*)\"")?;
    let machine = machine.captures(&board).context("the machine of the board")?[1].to_owned();
    let cpus = Regex::new(r"(?m)^\[qemu\]\ncpus = (\d+)")?
        .captures(text)
        .map_or("4".to_owned(), |it| it[1].to_owned());
    dump(context, name, [&machine, &cpus])?;
    fs::write(path, board.replace("device-tree = \"qemu\"", "device-tree = \"board.dtb\""))?;
    Ok(system)
}

/// Writes QEMU's device tree to `board.dtb` of the test's folder. There is a PSCI in it only if there is an image that
/// is to be started below EL3.
fn dump(context: &Context<'_>, name: &str, [machine, cpus]: [&str; 2]) -> Result<()> {
    let image = context.scratch_file(name, "none.img", &empty_image())?;
    let tree = image.with_file_name("board.dtb");
    let mut qemu = Command::new("qemu-system-aarch64");
    qemu.args(["-machine", &format!("{machine},dumpdtb={}", tree.display()), "-cpu", "cortex-a72"]);
    qemu.args(["-smp", cpus, "-m", "1G", "-nic", "none", "-display", "none"]);
    qemu.args(["-serial", "null", "-serial", "null", "-kernel"]).arg(image);
    let output = qemu.output()?;
    ensure!(output.status.success(), "QEMU: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The header of an image with nothing behind it (Linux, Documentation/arch/arm64/booting.rst).
fn empty_image() -> [u8; 64] {
    let mut header = [0; 64];
    header[16..24].copy_from_slice(&64_u64.to_le_bytes());
    header[56..60].copy_from_slice(b"ARM\x64");
    header
}
