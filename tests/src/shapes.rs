//! Systems of other shapes: many CPUs, odd orders, small and large memories.

use crate::counts::Counts;
use crate::linux::Linux;
use crate::systems::flat;
use crate::{Again, Context, Need, Test};
use anyhow::{Context as _, Result, ensure};
use std::fs;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("four partitions share eight CPUs", &[], four_on_eight).again(Again::Long),
    test("one partition has eight CPUs", &[], one_on_eight).again(Again::Always),
    test("CPUs of another cluster are started and signalled", &[], clusters),
    test("an image without a format runs at the address that it is linked for", &[], raw),
    test("U-Boot as Debian builds it for the bare board reaches its prompt", &[Need::UBoot], u_boot),
    test("a partition without a device tree gets none", &[], without_device_tree),
    test("Linux runs in 128 MiB, 1 GiB and 4 GiB", &[Need::Linux], memories),
];

const fn test(name: &'static str, needs: &'static [Need], run: fn(&Context<'_>) -> Result<()>) -> Test {
    Test { group: "shapes", name, needs, run, ..Test::PLAIN }
}

fn four_on_eight(context: &Context<'_>) -> Result<()> {
    let cpus = ["[0, 7]", "[6, 1]", "[2, 5]", "[4, 3]"];
    let partitions = cpus.iter().zip("abcd".chars()).map(|(cpus, name)| hello(&name.to_string(), cpus));
    let system = format!("[qemu]\ncpus = 8\n{}", partitions.collect::<String>());
    let mut machine = context.run("four-on-eight", &context.made("four-on-eight", &system)?)?;
    for name in ["a", "b", "c", "d"] {
        machine.says(name, r"CPU 1 is off\r\n")?;
    }
    machine.says("bulkhead", r"every partition has stopped: off\r\n")
}

fn one_on_eight(context: &Context<'_>) -> Result<()> {
    let system = format!("[qemu]\ncpus = 8\n{}", hello("all", "[0, 1, 2, 3, 4, 5, 6, 7]"));
    let mut machine = context.run("one-on-eight", &context.made("one-on-eight", &system)?)?;
    machine.says("all", r"CPU 7 is off\r\n")?;
    let counts = Counts::wait_for(&mut machine, "all")?;
    ensure!(counts.of("sgi") == 7, "each further CPU reports once: {counts:?}");
    Ok(())
}

/// QEMU has 16 CPUs in a cluster: number 16 has affinity 1.0.
fn clusters(context: &Context<'_>) -> Result<()> {
    let system = format!("[qemu]\ncpus = 20\nmemory = \"2G\"\n{}", hello("far", "[16, 19, 0]"));
    let mut machine = context.run("clusters", &context.made("clusters", &system)?)?;
    machine.says("far", r"CPU 2 is off\r\n")?;
    let counts = Counts::wait_for(&mut machine, "far")?;
    ensure!(counts.of("sgi") == 2, "{counts:?}");
    Ok(())
}

/// A raw image as a bare-metal project makes it: the bytes of a program, for one address.
fn raw(context: &Context<'_>) -> Result<()> {
    let system = r#"
[[partition]]
name = "raw"
image = "hello.bin"
raw = { load-address = 0x40080000 }
cpus = [3, 1]
memory = "8M"
"#;
    let path = context.made("raw", system)?;
    fs::write(path.with_file_name("hello.bin"), flat(&fs::read(context.images.join("hello.elf"))?)?)?;
    let mut machine = context.run("raw", &path)?;
    machine.says("bulkhead", r"raw: CPUs: 2, begins at 0x40080000\r\n")?;
    machine.says("raw", r"hello: RAM at 0x40000000\.\.=0x407fffff\r\n")?;
    machine.says("raw", r"CPU 1 is off\r\n")?;
    machine.says("bulkhead", r"raw: off;")
}

/// Linked for the bare board: begins at 0x40200000, has its device tree where RAM begins and its environment
/// in flash, and polls the PL011 that it knows.
fn u_boot(context: &Context<'_>) -> Result<()> {
    let u_boot = r#"
[[partition]]
name = "u-boot"
image = "u-boot.bin"
raw = { load-address = 0x40200000 }
device-tree-address = 0x40000000
cpus = [1]
memory = "128M"
devices = ["/flash@0"]
"#;
    let system = format!("{u_boot}{}", hello("other", "[0]"));
    let mut machine = context.run("u-boot", &context.made("u-boot", &system)?)?;
    for said in [r"U-Boot 20\d\d", r"DRAM: +128 MiB", r"Flash: +64 MiB", r"Out: +pl011@9000000", r"\n=> "] {
        machine.says("u-boot", said)?;
    }
    machine.says("bulkhead", r"other: off;")
}

/// `hello` finds its UART in the device tree: without one it is silent, and switches itself off all the same.
fn without_device_tree(context: &Context<'_>) -> Result<()> {
    let system = format!("{}device-tree = false\n{}", hello("mute", "[1]"), hello("other", "[0]"));
    let built = context.build(&context.made("mute", &system)?, None)?;
    ensure!(built.device_tree("mute").is_none() && built.device_tree("other").is_some());
    let plan = built.plan()?;
    let mute = plan.partitions.first().context("it is the first")?;
    ensure!(
        mute.argument == 0 && mute.loads.count < plan.partitions.last().context("the other")?.loads.count
    );
    let mut machine = context.boot("mute", &built)?;
    machine.says("other", r"hello: done\r\n")?;
    machine.says("bulkhead", r"other: off;")?;
    ensure!(machine.transcript("mute").is_empty(), "it cannot know where its UART is");
    Ok(())
}

fn memories(context: &Context<'_>) -> Result<()> {
    for (memory, machine, least, most) in [
        ("128M", "1G", 60_000, 131_072),
        ("1G", "3G", 900_000, 1_048_576),
        ("4G", "6G", 3_900_000, 4_194_304),
    ] {
        let name = format!("linux-{memory}").to_lowercase();
        let system = format!(
            r#"[qemu]
memory = "{machine}"

[[partition]]
name = "linux"
image = "linux/Image"
initrd = "linux/initrd.cpio.gz"
bootargs = "console=ttyAMA0 earlycon nokaslr"
cpus = [0]
memory = "{memory}"
devices = ["/pl011@9040000"]
"#
        );
        let mut linux = Linux::boot(context, &name, &context.made(&name, &system)?)?;
        let total = linux.answer("head -n 1 /proc/meminfo", r"\nMemTotal: *(\d+) kB\r\n")?;
        let total: u64 = total.parse().context(name)?;
        ensure!((least..=most).contains(&total), "{memory}: Linux has found {total} KiB");
        linux.power_off()?;
    }
    Ok(())
}

fn hello(name: &str, cpus: &str) -> String {
    format!("\n[[partition]]\nname = \"{name}\"\nimage = \"hello.elf\"\ncpus = {cpus}\nmemory = \"8M\"\n")
}
