//! Images in place: what the loader of the file has put there runs, once.

use crate::loader::{HIGHER_WINDOW, Loader, TREE, Tree, WINDOW, higher_window};
use crate::restart::patient;
use crate::{Again, Context, Need, Test};
use anyhow::{Context as _, Result, ensure};
use bulkhead::system::Built;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("what lies in place runs wherever the file is loaded, from there or after a move", anywhere),
    test("a partition in place has one life, whoever asks for another", once).again(Again::Always),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "boot", name, needs: NEEDS, run, ..Test::PLAIN }
}

/// Two in place, the larger one before the smaller in the file, around one that is not.
const SYSTEM: &str = r#"
[[partition]]
name = "large"
image = "hello.elf"
cpus = [1]
memory = "16M"
in-place = true

[[partition]]
name = "plain"
image = "hello.elf"
cpus = [2]
memory = "4M"

[[partition]]
name = "small"
image = "hello.elf"
cpus = [0]
memory = "4M"
in-place = true

[[accept]]
code = "P0628"
partition = "large"
reason = "a test"

[[accept]]
code = "P0628"
partition = "small"
reason = "a test"
"#;

fn anywhere(context: &Context<'_>) -> Result<()> {
    let path = context.made("in-place", SYSTEM)?;
    let built = context.build(&path, None)?;
    let standing = standing(&built)?;
    ensure!(standing.len() == 2 && built.home() == Some(WINDOW), "{standing:x?}, {:x?}", built.home());
    let behind = WINDOW + u64::try_from(built.image.len())?;
    ensure!(standing.iter().all(|at| (WINDOW..behind).contains(at)), "{standing:x?} in {behind:#x}");
    // Where it belongs; moved down with and without overlap, each time over the device tree.
    for (image, tree) in [(WINDOW, TREE), (WINDOW + 0x20_0000, WINDOW), (0x7000_0000, standing[1])] {
        runs(context, &built, image, tree)?;
    }
    higher_window(&path)?;
    let moved_up = context.build(&path, None)?;
    let last_page = (HIGHER_WINDOW + u64::try_from(moved_up.image.len())?) & !0xfff;
    runs(context, &moved_up, WINDOW, last_page)
}

/// The image, loaded at `image`, with a device tree at `tree`.
fn runs(context: &Context<'_>, built: &Built, image: u64, tree: u64) -> Result<()> {
    let mut machine = Loader { image, ..Loader::with(Tree::at(tree)) }.start(context, "in-place", built)?;
    let place = || format!("at {image:#x}, device tree at {tree:#x}");
    for name in ["large", "plain", "small"] {
        machine.says(name, r"hello: done\r\n").with_context(place)?;
    }
    machine.says("bulkhead", r"every partition has stopped: off\r\n").with_context(place)?;
    let log = String::from_utf8_lossy(machine.transcript("bulkhead"));
    ensure!(!log.contains("no device tree"), "the device tree was lost: {}", place());
    Ok(())
}

/// Where the partitions that lie in place begin, from low addresses to high ones.
fn standing(built: &Built) -> Result<Vec<u64>> {
    let plan = built.plan()?;
    let window = plan.board.window;
    let own = plan.partitions.iter().filter_map(|partition| partition.loads.of(plan.loads)?.first());
    let mut first: Vec<u64> =
        own.filter(|load| load.is_in_place(&window)).map(|load| load.source.0).collect();
    first.sort_unstable();
    Ok(first)
}

fn once(context: &Context<'_>) -> Result<()> {
    const IN_PLACE: &str = "in-place = true\n";
    let reset = patient("reset", IN_PLACE) + ACCEPT;
    let mut machine = context.run("in-place-reset", &context.made("in-place-reset", &reset)?)?;
    machine.says("bulkhead", r"patient: reset; \d+ entries, ")?;
    machine.says("bulkhead", r"every partition has stopped: off\r\n")?;
    let log = String::from_utf8_lossy(machine.transcript("bulkhead")).into_owned();
    ensure!(!log.contains("begins again"), "{log}");
    drop(machine);
    let lost = patient("wfi", IN_PLACE) + ACCEPT + WARDEN;
    let mut machine = context.run("in-place-lost", &context.made("in-place-lost", &lost)?)?;
    machine.says("warden", r"warden: lose@patient: Off, restart 0, CPUs 0b0\r\n")?;
    machine.says("bulkhead", r"every partition has stopped: off\r\n")
}

const ACCEPT: &str = "\n[[accept]]\ncode = \"P0628\"\npartition = \"patient\"\nreason = \"a test\"\n";

/// Stops the patient, and is then refused when it would start or restart it.
const WARDEN: &str = r#"
[[partition]]
name = "warden"
image = "warden.elf"
bootargs = "orders=lose@patient:3"
cpus = [3]
memory = "4M"
controls = ["patient"]
"#;
