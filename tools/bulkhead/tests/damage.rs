//! Whatever is in a file, the answer is an image or an error, never a panic.
//!
//! The files come from a person, a vendor or a compiler; a planner that dies on one of them explains
//! nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::decode::Decoder;
use bulkhead::inspect::inspect;
use bulkhead::system::{Options, build};
use proptest::prelude::any;
use proptest::{prop_assert, proptest};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use support::tests;
use tempfile::TempDir;

/// Bytes to change: where (modulo the length of the file), and to what.
type Damage = Vec<(usize, u8)>;

/// One file of a copy of the good system `devices`, to be damaged again and again.
struct Victim {
    /// Is deleted when it is dropped.
    _scratch: TempDir,
    folder: PathBuf,
    path: PathBuf,
    intact: Vec<u8>,
}

impl Victim {
    fn new(file: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        // The name of a board.
        let folder = scratch.path().join("victim");
        fs::create_dir(&folder).unwrap();
        for name in ["board.toml", "devices.toml"] {
            let text = fs::read_to_string(tests().join("accept").join(name)).unwrap();
            fs::write(folder.join(name), text.replace("../board/", "")).unwrap();
        }
        for name in ["board/extra.dtb", "images/guest.elf", "images/fixed.elf", "images/bulkhead.elf"] {
            let name = Path::new(name);
            fs::copy(tests().join(name), folder.join(name.file_name().unwrap())).unwrap();
        }
        let path = folder.join(file);
        let intact = fs::read(&path).unwrap();
        Self { _scratch: scratch, folder, path, intact }
    }

    /// Whether the damage is answered by an image or by words.
    fn answers(&self, damage: &Damage) -> bool {
        let mut bytes = self.intact.clone();
        for (at, value) in damage {
            let at = at % bytes.len();
            bytes[at] = *value;
        }
        fs::write(&self.path, bytes).unwrap();
        let options = Options { images: vec![self.folder.clone()], ..Options::default() };
        match build(&self.folder.join("devices.toml"), &options) {
            Ok(built) => !built.image.is_empty(),
            Err(failure) => !failure.to_string().is_empty(),
        }
    }
}

fn damage() -> impl proptest::strategy::Strategy<Value = Damage> {
    proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4)
}

/// An image, to be damaged without its digests being made right again.
static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let options = Options { images: vec![tests().join("images")], ..Options::default() };
    build(&tests().join("accept/devices.toml"), &options).unwrap().image
});

static TREE: LazyLock<Victim> = LazyLock::new(|| Victim::new("extra.dtb"));
static GUEST: LazyLock<Victim> = LazyLock::new(|| Victim::new("fixed.elf"));
static HYPERVISOR: LazyLock<Victim> = LazyLock::new(|| Victim::new("bulkhead.elf"));
static SYSTEM: LazyLock<Victim> = LazyLock::new(|| Victim::new("devices.toml"));
static BOARD: LazyLock<Victim> = LazyLock::new(|| Victim::new("board.toml"));

/// What is said of the board when its tree says that its memory is there.
fn said_of_memory(base: u64, size: u64) -> String {
    let victim = Victim::new("extra.dtb");
    let words = |base: u64, size: u64| [base.to_be_bytes(), size.to_be_bytes()].concat();
    let stated = words(1 << 30, 1 << 30);
    let mut bytes = victim.intact.clone();
    let at = bytes.windows(stated.len()).position(|window| window == stated).unwrap();
    bytes[at..at + stated.len()].copy_from_slice(&words(base, size));
    fs::write(&victim.path, bytes).unwrap();
    let system = "[[partition]]\nname = \"first\"\nimage = \"guest.elf\"\ncpus = [0]\nmemory = \"4M\"\n";
    fs::write(victim.folder.join("devices.toml"), system).unwrap();
    let options = Options { images: vec![victim.folder.clone()], ..Options::default() };
    build(&victim.folder.join("devices.toml"), &options).unwrap_err().to_string()
}

#[test]
fn a_tree_with_memory_over_the_gic_is_refused_by_that_alone() {
    let said = said_of_memory(0, 2 << 30);
    assert!(said.starts_with("error[P0715]"), "{said}");
    let why = "its memory at 0x0..=0x7fffffff covers the registers of the GIC at 0x8000000..=0x800ffff";
    assert!(said.contains(why), "{said}");
    assert_eq!(said.matches("error[").count(), 1, "{said}");
}

#[test]
fn a_tree_with_memory_over_the_console_is_refused_by_that_alone() {
    let said = said_of_memory(0x900_0000, 0x7700_0000);
    assert!(said.starts_with("error[P0709]"), "{said}");
    let why = "the board's memory at 0x9000000..=0x7fffffff covers its registers";
    assert!(said.contains(why), "{said}");
    assert_eq!(said.matches("error[").count(), 1, "{said}");
}

proptest! {
    #[test]
    fn a_damaged_device_tree_is_answered(damage in damage()) {
        prop_assert!(TREE.answers(&damage));
    }

    #[test]
    fn a_damaged_guest_is_answered(damage in damage()) {
        prop_assert!(GUEST.answers(&damage));
    }

    #[test]
    fn a_damaged_hypervisor_is_answered(damage in damage()) {
        prop_assert!(HYPERVISOR.answers(&damage));
    }

    #[test]
    fn a_damaged_system_file_is_answered(damage in damage()) {
        prop_assert!(SYSTEM.answers(&damage));
    }

    #[test]
    fn a_damaged_image_is_inspected_and_its_log_decoded(damage in damage(), length in 0..0x2_0000_usize) {
        let mut bytes = IMAGE.clone();
        for (at, value) in &damage {
            // Most of the image is guests: the first 64 KiB hold what is read here.
            let at = at % bytes.len().min(0x1_0000);
            bytes[at] = *value;
        }
        bytes.truncate(length);
        let contents = inspect(&bytes);
        let is_proven = contents.tables.as_ref().is_some_and(|tables| tables.proven.is_some());
        prop_assert!(!contents.faults.is_empty() || is_proven, "{contents}");
        if let Ok(decoder) = Decoder::new(&bytes, None, None) {
            prop_assert!(decoder.annotate("0x40000000").starts_with("0x40000000"));
        }
    }

    #[test]
    fn a_damaged_board_file_is_answered(damage in damage()) {
        prop_assert!(BOARD.answers(&damage));
    }
}
