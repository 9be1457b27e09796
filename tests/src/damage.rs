//! A damaged image is refused whole, and never half-booted.
//!
//! Named places say which line each damage gets; a sample of all other bits, under a seed that is printed,
//! says that there is none that is not looked at.

use crate::fuzz::seed;
use crate::refusal::is_refused;
use crate::systems::SMALL;
use crate::{Context, Need, Running, Test};
use anyhow::{Context as _, Result, ensure};
use bulkhead::inspect::inspect;
use bulkhead::system::Built;
use fastrand::Rng;
use std::ops::Range;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("any damage to plan or tables is refused in one line", named_places),
    test("no bit of the plan, the tables, an image or a device tree can flip unseen", any_bit),
    test("no partition begins if the image of one is damaged", damaged_guest),
    test("a CPU without instructions for SHA-256 sees the same damage", portable_hash),
    test("what lies in place is not looked at, and everything else is", in_place),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "boot", name, needs: NEEDS, run, ..Test::PLAIN }
}

/// Where something lies in the image.
type Place = Range<usize>;

/// What of an image a guest's isolation rests on.
struct Places {
    plan: Place,
    tables: Place,
    /// Guest images.
    images: Vec<Place>,
    /// Their device trees.
    trees: Vec<Place>,
}

fn named_places(context: &Context<'_>) -> Result<()> {
    let mut built = context.build(&context.shipped("demo")?, None)?;
    let Places { plan, tables, .. } = Places::of(&built)?;
    let has_name = |at: &usize| built.image[*at..].starts_with(b"ticker");
    let name = plan.clone().find(has_name).context("a partition has a name")?;
    let damages = [
        (plan.start, r"not booted: the plan does not begin as a plan does\r\n"),
        (plan.start + 8, r"not booted: the plan has version \d+, wanted is \d+\r\n"),
        (plan.start + 12, r"not booted: the plan has another size than its header says\r\n"),
        (plan.start + 20, r"not booted: the plan is damaged\r\n"),
        (name, r"not booted: the plan is damaged\r\n"),
        (plan.end - 1, r"not booted: the plan's Interrupts table is damaged\r\n"),
        (tables.start, r"not booted: the package of stage-2 tables is damaged\r\n"),
    ];
    for (at, line) in damages {
        let damage = Damage { at, flip: 0x40 };
        let mut machine = boot_damaged(context, "damaged-plan", &mut built, damage)?;
        is_refused(&mut machine, line).with_context(|| format!("{damage:x?}"))?;
    }
    Ok(())
}

fn any_bit(context: &Context<'_>) -> Result<()> {
    let seed = seed()?;
    let mut random = Rng::with_seed(seed);
    let mut built = context.build(&context.made("any-bit", SMALL)?, None)?;
    let Places { plan, tables, images, trees } = Places::of(&built)?;
    let tables_line = r"not booted: the package of stage-2 tables is damaged\r\n";
    let guest_line = r"not booted: guest: its image is damaged\r\n";
    let kinds = [
        ("plan", vec![plan], r"not booted: the plan[^\r\n]+\r\n"),
        ("tables", vec![tables], tables_line),
        ("image", images, guest_line),
        ("device tree", trees, guest_line),
    ];
    for (kind, places, line) in kinds {
        let bytes: Vec<usize> = places.into_iter().flatten().collect();
        ensure!(!bytes.is_empty(), "the image has no {kind}");
        let damages = flips(&mut random, &bytes, if context.long { 2000 } else { 48 });
        for damage in &damages {
            let mut machine = boot_damaged(context, "damaged-bit", &mut built, *damage)?;
            is_refused(&mut machine, line).with_context(|| format!("{kind}: {damage:x?}, seed {seed}"))?;
        }
        let (flipped, all) = (damages.len(), bytes.len() * 8);
        context.note(format!("{kind}: {flipped} of {all} bits flipped, each refused, seed {seed}"));
    }
    Ok(())
}

/// So many of the bits of `bytes`, or each of them where they are not many more.
fn flips(random: &mut Rng, bytes: &[usize], count: usize) -> Vec<Damage> {
    let every = bytes.iter().flat_map(|at| (0..8).map(|bit| Damage { at: *at, flip: 1 << bit }));
    if bytes.len() * 8 > 4 * count { random.choose_multiple(every, count) } else { every.collect() }
}

fn damaged_guest(context: &Context<'_>) -> Result<()> {
    let mut built = context.build(&context.shipped("demo")?, None)?;
    let first = Places::of(&built)?.images.into_iter().next().context("something is loaded")?;
    let damage = Damage { at: first.start + 0x100, flip: 1 };
    let mut machine = boot_damaged(context, "damaged-guest", &mut built, damage)?;
    is_refused(&mut machine, r"not booted: hello: its image is damaged\r\n")
}

fn portable_hash(context: &Context<'_>) -> Result<()> {
    let hypervisor = context.hypervisor_with("portable-hash")?;
    let mut built = context.build(&context.made("portable-hash", SMALL)?, Some(hypervisor))?;
    let mut sound = context.boot("portable-hash", &built)?;
    sound.says("guest", r"hello: done\r\n")?;
    drop(sound);
    let Places { images, .. } = Places::of(&built)?;
    let first = images.first().context("something is loaded")?.start;
    let mut damaged = boot_damaged(context, "portable-hash", &mut built, Damage { at: first, flip: 1 })?;
    is_refused(&mut damaged, r"not booted: guest: its image is damaged\r\n")
}

/// The price of an image in place: what it says has changed, and the board has booted. The host sees it.
fn in_place(context: &Context<'_>) -> Result<()> {
    let mut built = context.build(&context.made("damaged-in-place", IN_PLACE)?, None)?;
    let Places { plan, tables, images, trees } = Places::of(&built)?;
    let window = usize::try_from(built.plan()?.board.window.size)?;
    let (kept, standing): (Vec<Place>, Vec<Place>) =
        images.into_iter().partition(|place| place.end <= window);
    let said = b"hello: done";
    let at = standing
        .into_iter()
        .flatten()
        .find(|at| built.image[*at..].starts_with(said))
        .context("what it says last")?;
    let damage = Damage { at: at + said.len() - 1, flip: 0x20 };
    let mut machine = boot_damaged(context, "damaged-in-place", &mut built, damage)?;
    machine.says("guest", r"hello: donE\r\n")?;
    drop(machine);
    let mut random = Rng::with_seed(seed()?);
    for place in [vec![plan], vec![tables], kept, trees].into_iter().flatten() {
        for damage in flips(&mut random, &place.collect::<Vec<_>>(), 4) {
            let mut machine = boot_damaged(context, "damaged-in-place", &mut built, damage)?;
            is_refused(&mut machine, r"not booted: [^\r\n]+\r\n").with_context(|| format!("{damage:x?}"))?;
        }
    }
    built.image[at] ^= 1;
    ensure!(!inspect(&built.image).faults.is_empty(), "the host does not see the damage");
    Ok(())
}

/// A guest in place beside one that is not.
const IN_PLACE: &str = r#"
[[partition]]
name = "guest"
image = "hello.elf"
cpus = [0]
memory = "4M"
in-place = true

[[partition]]
name = "other"
image = "hello.elf"
cpus = [1]
memory = "4M"

[[accept]]
code = "P0628"
partition = "guest"
reason = "a test"
"#;

impl Places {
    fn of(built: &Built) -> Result<Self> {
        let plan = built.plan()?;
        let window = plan.board.window.base.0;
        let place = |base: u64, size: u64| -> Result<Place> {
            let start = usize::try_from(base - window)?;
            Ok(start..start + usize::try_from(size)?)
        };
        let loads = plan.loads.iter().filter(|load| load.size != 0);
        let loads = loads.map(|load| place(load.source.0, load.size)).collect::<Result<Vec<_>>>()?;
        let is_tree = |load: &Place| built.image[load.clone()].starts_with(&DEVICE_TREE);
        let (trees, images) = loads.into_iter().partition(is_tree);
        let start = find(&built.image, b"BULKHEAD")?;
        Ok(Self {
            plan: start..start + usize::try_from(plan.header.size)?,
            tables: place(plan.header.tables.base.0, plan.header.tables.size)?,
            images,
            trees,
        })
    }
}

fn find(image: &[u8], text: &[u8]) -> Result<usize> {
    let mut pages = (0..image.len()).step_by(0x1000);
    pages.find(|page| image[*page..].starts_with(text)).context("there is no plan in the image")
}

/// How a flattened device tree begins (Devicetree Specification §5.2).
const DEVICE_TREE: [u8; 4] = 0xd00d_feed_u32.to_be_bytes();

/// Some bits of a byte of the image.
#[derive(Clone, Copy, Debug)]
struct Damage {
    at: usize,
    flip: u8,
}

/// Boots the image with the damage; the built one is as it was afterwards.
fn boot_damaged<'a>(
    context: &'a Context<'a>,
    name: &str,
    built: &mut Built,
    damage: Damage,
) -> Result<Running<'a>> {
    built.image[damage.at] ^= damage.flip;
    let machine = context.boot(name, built);
    built.image[damage.at] ^= damage.flip;
    machine
}
