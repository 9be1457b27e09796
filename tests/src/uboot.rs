//! U-Boot as Debian builds it starts the image, with nobody at the keyboard.
//!
//! In flash behind its environment, on a card, or as a FIT: as the image is put onto boards. U-Boot is the reader of
//! what `bulkhead build --for` makes that is not ours.

use crate::linux::Linux;
use crate::loader::{bare_machine, device_tree};
use crate::{Context, Need, Running, Test, patience};
use anyhow::{Context as _, Result, ensure};
use bulkhead::launch::launch;
use bulkhead::package::{Package, Payload, Purpose, card};
use bulkhead::run::Machine;
use bulkhead::system::Built;
use regex::bytes::Regex;
use std::fs::{self, File};
use std::path::Path;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("an image in flash is started by `booti` from the environment", &[Need::UBoot], flash),
    test("Linux reaches its shell from a card", &[Need::UBoot, Need::Linux], linux_from_card),
    test("a card brings the device tree with it", &[Need::UBoot], card_with_tree),
    test("a FIT is started by `bootm`, with the firmware's device tree or its own", &[Need::UBoot], fit),
    test("a FIT of which a byte is damaged is not started", &[Need::UBoot], damaged_fit),
];

const fn test(name: &'static str, needs: &'static [Need], run: fn(&Context<'_>) -> Result<()>) -> Test {
    Test { group: "uboot", name, needs, run, ..Test::PLAIN }
}

/// QEMU's `virt` has two flashes of this size; the second begins here.
const FLASH: u64 = 64 << 20;
const SECOND: u64 = FLASH;
/// Bytes of the environment, at the beginning of the second (U-Boot, configs/qemu_arm64_defconfig).
const ENVIRONMENT: usize = 0x4_0000;
/// Where the file is that follows it.
const BEHIND: u64 = SECOND + ENVIRONMENT as u64;
/// RAM that nothing else of this system is in, and more of it.
const FREE: u64 = 0x6000_0000;
const FREE_TOO: u64 = 0x7000_0000;

/// What is in the second flash: what U-Boot is told, and a file behind it.
struct Flash<'a> {
    variables: &'a str,
    file: &'a [u8],
}

fn flash(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("demo")?, None)?;
    let size = built.image.len();
    // A part of flash is not where an image can run, so it is copied first.
    let boot = format!("bootcmd=cp.b {BEHIND:#x} {FREE:#x} {size:#x}; booti {FREE:#x} - ${{fdtcontroladdr}}");
    let flash = Flash { variables: &boot, file: &built.image };
    let mut machine = flash.start(context, "u-boot-flash", &built)?;
    demo_runs(&mut machine)
}

fn linux_from_card(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("linux")?, None)?;
    let firmware = context.images.join("u-boot.bin");
    let machine = launch(&built, &context.scratch("u-boot-card")?, Some(&firmware))?;
    let mut linux = Linux::of(context.start(&machine)?)?;
    linux.machine.says("firmware", r"Retrieving file: /bulkhead\.img")?;
    let cpus = linux.answer("nproc", r"\n(\d+)\r\n")?;
    ensure!(cpus == "2", "nproc says {cpus}");
    let counts = linux.power_off()?;
    ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
    Ok(())
}

/// As a board's that is described by a file: U-Boot loads that, completes it and hands it over. On `virt` it does not
/// by itself, for there its environment has no `fdt_addr_r`.
fn card_with_tree(context: &Context<'_>) -> Result<()> {
    let name = "u-boot-card-with-tree";
    let built = context.build(&context.shipped("demo")?, None)?;
    let tree = device_tree(context, name, &bare_machine(&built, Path::new(""))?)?;
    let bytes = card(&Payload { tree: Some(&tree), ..built.payload()? }).map_err(anyhow::Error::msg)?;
    let path = context.scratch_file(name, "card.img", &bytes)?;
    let boot = "bootcmd=virtio scan; sysboot virtio 0:1 any ${scriptaddr} /extlinux/extlinux.conf";
    let places =
        format!("scriptaddr={FREE:#x}\0kernel_addr_r={:#x}\0fdt_addr_r={FREE_TOO:#x}\0", FREE + 0x20_0000);
    let flash = Flash { variables: &format!("{places}{boot}"), file: &[] };
    let mut machine = flash.machine(context, name, &built)?;
    let drive = format!("if=none,format=raw,readonly=on,id=card,file={}", path.display());
    machine.args.extend(["-drive", &drive, "-device", "virtio-blk-device,drive=card"].map(Into::into));
    let mut machine = context.start(&machine)?;
    machine.says("firmware", r"Retrieving file: /board\.dtb")?;
    let used = format!("Booting using the fdt blob at {FREE_TOO:#x}");
    machine.says("firmware", &used)?;
    demo_runs(&mut machine)
}

fn fit(context: &Context<'_>) -> Result<()> {
    let name = "u-boot-fit";
    let built = context.build(&context.shipped("demo")?, None)?;
    let tree = device_tree(context, name, &bare_machine(&built, Path::new(""))?)?;
    let checked = Regex::new(r"Verifying Hash Integrity \.\.\. sha256\+ OK")?;
    for (tree, argument) in [(None, " - ${fdtcontroladdr}"), (Some(&tree[..]), "")] {
        let file = fit_of(&Payload { tree, ..built.payload()? })?;
        let flash =
            Flash { variables: &format!("bootcmd=bootm {BEHIND:#x}#bulkhead{argument}"), file: &file };
        let mut machine = flash.start(context, name, &built)?;
        machine.expect("firmware", &checked, patience()).context("the digest")?;
        demo_runs(&mut machine).with_context(|| flash.variables.to_owned())?;
    }
    Ok(())
}

fn damaged_fit(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("demo")?, None)?;
    let mut file = fit_of(&built.payload()?)?;
    let middle = file.len() / 2;
    file[middle] ^= 1;
    let boot = format!("bootcmd=bootm {BEHIND:#x}#bulkhead - ${{fdtcontroladdr}}; echo not started");
    let mut machine = Flash { variables: &boot, file: &file }.start(context, "u-boot-damaged-fit", &built)?;
    machine.says("firmware", r"Verifying Hash Integrity \.\.\. sha256 error!")?;
    machine.says("firmware", r"\nnot started\r\n")?;
    ensure!(machine.transcript("bulkhead").is_empty(), "the hypervisor has begun");
    Ok(())
}

fn fit_of(payload: &Payload<'_>) -> Result<Vec<u8>> {
    match Purpose::Fit.package(payload).map_err(anyhow::Error::msg)? {
        Package::File(bytes) => Ok(bytes),
        Package::Folder(_) => anyhow::bail!("a FIT is a file"),
    }
}

impl Flash<'_> {
    /// Starts the machine.
    fn start<'a>(&self, context: &'a Context<'a>, name: &str, built: &Built) -> Result<Running<'a>> {
        context.start(&self.machine(context, name, built)?)
    }

    /// The machine that has it, with U-Boot in its first flash.
    fn machine(&self, context: &Context<'_>, name: &str, built: &Built) -> Result<Machine> {
        let u_boot = fs::read(context.images.join("u-boot.bin"))?;
        let mut machine = bare_machine(built, Path::new(""))?;
        let second = [environment(self.variables), self.file.to_vec()].concat();
        for (number, bytes) in [u_boot, second].iter().enumerate() {
            let path = context.scratch_file(name, &format!("flash-{number}.img"), bytes)?;
            File::options().write(true).open(&path)?.set_len(FLASH)?;
            let drive = format!("if=pflash,unit={number},format=raw,readonly=on,file={}", path.display());
            machine.args.extend(["-drive".into(), drive.into()]);
        }
        Ok(machine)
    }
}

/// An environment that U-Boot takes for its own: the CRC-32 of the rest, then `name=value` and a zero byte each, to
/// an empty one (U-Boot, include/env_internal.h).
fn environment(variables: &str) -> Vec<u8> {
    let mut strings = format!("bootdelay=0\0{variables}\0\0").into_bytes();
    strings.resize(ENVIRONMENT - size_of::<u32>(), 0);
    [&crc32fast::hash(&strings).to_le_bytes()[..], &strings].concat()
}

fn demo_runs(machine: &mut Running<'_>) -> Result<()> {
    for (partition, line) in [
        ("firmware", r"Starting kernel \.\.\."),
        ("bulkhead", r"on qemu-virt: 3 partitions"),
        ("hello", r"hello: done\r\n"),
        ("ticker", r"ticker: pattern intact\r\n"),
        ("bulkhead", r"every partition has stopped: off\r\n"),
    ] {
        machine.expect(partition, &Regex::new(line)?, patience()).with_context(|| partition.to_owned())?;
    }
    let log = String::from_utf8_lossy(machine.transcript("bulkhead"));
    ensure!(!log.contains("no device tree"), "the device tree was lost");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_has_its_size_and_its_checksum() {
        let bytes = environment("bootcmd=booti 1");
        assert_eq!(bytes.len(), ENVIRONMENT);
        assert!(bytes[4..].starts_with(b"bootdelay=0\0bootcmd=booti 1\0\0"));
        assert_eq!(bytes[..4], crc32fast::hash(&bytes[4..]).to_le_bytes());
    }
}
