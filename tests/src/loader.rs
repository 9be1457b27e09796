//! A loader of any manners: image, device tree and registers are as the test says.
//!
//! QEMU's generic loader puts the files into memory, and a few instructions at the end of RAM set the
//! registers and jump: what QEMU's own boot code would do otherwise.

use crate::{Context, Running};
use anyhow::{Context as _, Result, anyhow, ensure};
use bulkhead::run::Machine;
use bulkhead::system::Built;
use dtoolkit::fdt::Fdt;
use dtoolkit::model::DeviceTree;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Where the image's window begins, and where an ordinary loader puts the device tree.
pub(crate) const WINDOW: u64 = 0x4020_0000;
pub(crate) const TREE: u64 = 0x4800_0000;
/// Where it begins for a test that loads the image below of it.
pub(crate) const HIGHER_WINDOW: u64 = 0x4060_0000;
/// Where the loader's code is: the last page of RAM but one.
const CODE: u64 = 0x7fff_e000;
/// Where its translation table is: the last page of RAM.
pub(crate) const TABLE: u64 = CODE + 0x1000;

/// What is where when the image is entered.
pub(crate) struct Loader {
    /// Where the image is.
    pub(crate) image: u64,
    /// The device tree, if there is one.
    pub(crate) tree: Option<Tree>,
    /// x0 if there is none.
    pub(crate) x0: u64,
    /// Instructions before the jump.
    pub(crate) code: Vec<u32>,
    /// System registers that are written before those instructions, in this order.
    pub(crate) registers: Vec<(Register, u64)>,
    /// What else is in memory, and where.
    pub(crate) files: Vec<(u64, Vec<u8>)>,
    /// What makes the machine another one.
    pub(crate) options: Vec<String>,
}

/// The device tree that a loader leaves: QEMU's own, changed, at an address.
pub(crate) struct Tree {
    pub(crate) address: u64,
    pub(crate) change: Box<Change>,
}

/// What makes it another board's.
pub(crate) type Change = dyn FnOnce(&mut DeviceTree) -> Result<()>;

/// The encoding of a system register as the Arm ARM writes it: op0, op1, CRn, CRm, op2.
#[derive(Clone, Copy)]
pub(crate) struct Register(pub(crate) u32, pub(crate) u32, pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl Default for Loader {
    /// As the boot protocol wants it, but for a device tree.
    fn default() -> Self {
        Self {
            image: WINDOW,
            tree: None,
            x0: 0,
            code: Vec::new(),
            registers: Vec::new(),
            files: Vec::new(),
            options: Vec::new(),
        }
    }
}

impl Loader {
    /// With a device tree.
    pub(crate) fn with(tree: Tree) -> Self {
        Self { tree: Some(tree), ..Self::default() }
    }

    /// Starts the machine.
    pub(crate) fn start<'a>(
        self,
        context: &'a Context<'a>,
        name: &str,
        built: &Built,
    ) -> Result<Running<'a>> {
        let image = context.scratch_file(name, "image.img", &built.image)?;
        let mut machine = bare_machine(built, &image)?;
        machine.args.extend(self.options.iter().map(Into::into));
        for (address, bytes) in &self.files {
            let file = context.scratch_file(name, &format!("{address:x}.bin"), bytes)?;
            machine.args.extend(put(&file, *address));
        }
        let code = context.scratch_file(name, "code.bin", &self.code())?;
        let table = context.scratch_file(name, "table.bin", &identity_map())?;
        if let Some(Tree { address, change }) = self.tree {
            let dumped = device_tree(context, name, &machine)?;
            let parsed = Fdt::new(&dumped).map_err(|error| anyhow!("QEMU's device tree: {error}"))?;
            let mut model = DeviceTree::from_fdt(&parsed);
            change(&mut model)?;
            machine.args.extend(put(&context.scratch_file(name, "tree.dtb", &model.to_dtb())?, address));
        }
        machine.args.extend(put(&image, self.image));
        machine.args.extend(put(&table, TABLE));
        machine.args.extend(put(&code, CODE));
        machine.args.extend(begin(CODE));
        context.start(&machine)
    }

    /// Each value is loaded from behind the code: `ldr x2, value; msr register, x2`.
    fn code(&self) -> Vec<u8> {
        let x0 = self.tree.as_ref().map_or(self.x0, |tree| tree.address);
        let values: Vec<u64> =
            self.registers.iter().map(|(_, value)| *value).chain([x0, self.image]).collect();
        let count = 2 * self.registers.len() + self.code.len() + 3;
        let first_value = count.next_multiple_of(2);
        let load = |at: usize, register: u32, value: usize| {
            let distance = u32::try_from(first_value + 2 * value - at).unwrap_or_default();
            0x5800_0000 | distance << 5 | register
        };
        let mut code = Vec::new();
        for (index, (register, _)) in self.registers.iter().enumerate() {
            code.push(load(code.len(), 2, index));
            code.push(register.store());
        }
        code.extend(&self.code);
        code.push(load(code.len(), 0, values.len() - 2));
        code.push(load(code.len(), 1, values.len() - 1));
        code.push(BR_X1);
        code.resize(first_value, 0);
        let words = code.into_iter().flat_map(u32::to_le_bytes);
        words.chain(values.into_iter().flat_map(u64::to_le_bytes)).collect()
    }
}

impl Tree {
    /// Unchanged.
    pub(crate) fn at(address: u64) -> Self {
        Self { address, change: Box::new(|_| Ok(())) }
    }
}

impl Register {
    /// `msr register, x2`.
    fn store(self) -> u32 {
        let Self(op0, op1, crn, crm, op2) = self;
        0xd500_0002 | op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5
    }
}

/// Has the board of the system at `path`, a test's own, begin its window there.
pub(crate) fn higher_window(path: &Path) -> Result<()> {
    let board = path.with_file_name("board.toml");
    let text = fs::read_to_string(&board)?;
    let moved = text.replace(&format!("window = {WINDOW:#x}"), &format!("window = {HIGHER_WINDOW:#x}"));
    ensure!(moved != text, "{} has no window at {WINDOW:#x}", board.display());
    Ok(fs::write(&board, moved)?)
}

/// The machine, with nothing loaded.
pub(crate) fn bare_machine(built: &Built, image: &Path) -> Result<Machine> {
    let mut machine = built.machine(image).context("the board is no machine of QEMU")?;
    let kernel = machine.args.iter().position(|argument| argument == "-kernel").context("it has a kernel")?;
    machine.args.drain(kernel..kernel + 2);
    Ok(machine)
}

/// The image in its window, entered as a machine with EL3 begins, without firmware.
pub(crate) fn at_el3<'a>(context: &'a Context<'a>, name: &str, built: &Built) -> Result<Running<'a>> {
    let path = context.scratch_file(name, "image.img", &built.image)?;
    let window = built.plan()?.board.window.base.0;
    let mut machine = bare_machine(built, &path)?;
    machine.args.extend(["-machine".into(), "secure=on".into()]);
    machine.args.extend(put(&path, window));
    machine.args.extend(begin(window));
    context.start(&machine)
}

/// Puts a file at an address.
pub(crate) fn put(file: &Path, address: u64) -> [OsString; 2] {
    ["-device".into(), format!("loader,file={},addr={address:#x},force-raw=on", file.display()).into()]
}

/// Has the first CPU begin at an address.
pub(crate) fn begin(address: u64) -> [OsString; 2] {
    ["-device".into(), format!("loader,addr={address:#x},cpu-num=0").into()]
}

const BR_X1: u32 = 0xd61f_0020;

/// A table for 39 bits: the first gigabyte is Device memory by attribute 1, the second Normal by attribute 0.
fn identity_map() -> Vec<u8> {
    let block = 1 | 1 << 10;
    let entries = [block | 1 << 2, 0x4000_0000 | block | 3 << 8];
    entries.into_iter().flat_map(u64::to_le_bytes).chain([0; 0xff0]).collect()
}

/// The device tree that QEMU makes for the machine, cut to what it uses.
pub(crate) fn device_tree(context: &Context<'_>, name: &str, machine: &Machine) -> Result<Vec<u8>> {
    let file = context.scratch_file(name, "dumped.dtb", &[])?;
    let mut qemu = Command::new(&machine.program);
    qemu.args(&machine.args).args(["-display", "none", "-serial", "null", "-serial", "null"]);
    let output = qemu.args(["-machine", &format!("dumpdtb={}", file.display())]).output()?;
    ensure!(output.status.success(), "QEMU: {}", String::from_utf8_lossy(&output.stderr));
    let mut blob = fs::read(file)?;
    let word = |at: usize| -> Result<usize> { Ok(u32::from_be_bytes(blob[at..at + 4].try_into()?) as usize) };
    let used = (word(8)? + word(36)?).max(word(12)? + word(32)?);
    blob.truncate(used);
    blob[4..8].copy_from_slice(&u32::try_from(used)?.to_be_bytes());
    Ok(blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_sets_registers_and_jumps() {
        let vbar = Register(3, 4, 12, 0, 0);
        let loader = Loader { x0: 7, registers: vec![(vbar, 5)], ..Loader::default() };
        let code = loader.code();
        let words: Vec<u32> =
            code.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        // ldr x2, #24; msr vbar_el2, x2; ldr x0, #24; ldr x1, #28; br x1; nothing; the values.
        let expected = [0x5800_00c2, 0xd51c_c002, 0x5800_00c0, 0x5800_00e1, 0xd61f_0020, 0];
        assert_eq!(words, [&expected[..], &[5, 0, 7, 0, 0x4020_0000, 0]].concat());
    }
}
