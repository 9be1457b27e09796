//! From a system file to a proven image: the whole way, step by step.
//!
//! A step that finds faults files them and the next one still runs, as long as it has something to look at:
//! a person wants to hear of all faults at once.

use crate::assemble::{Assembly, Files, assemble};
use crate::board::{Board, FETCHED, QEMU_TREE, tree_file};
use crate::diagnostic::Report;
use crate::expand::{System, expand};
use crate::explain::explain;
use crate::guest::{self, Guest};
use crate::hypervisor;
use crate::inspect::inspect;
use crate::launch::Firmware;
use crate::load::{images_beside, load};
use crate::lock;
use crate::machine::Template;
use crate::map::{Map, survey};
use crate::package::Payload;
use crate::report::Page;
use crate::rules;
use crate::run::Machine;
use crate::size::Size;
use crate::why::Answer;
use bulkhead_core::prove::Proof;
use bulkhead_plan::{DecodeError, Plan, Span};
use bulkhead_verify::{PlanBytes, prove_image, verify};
use clap::Args;
use std::fmt;
use std::path::{Path, PathBuf};

pub use crate::load::{locate, locate_board, shown};

/// Where images are, if not where they are expected.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Options {
    /// Look for images in this folder (default: `images` in the build folder)
    #[arg(long, value_name = "DIR")]
    pub images: Vec<PathBuf>,
    /// The hypervisor's binary (default: `bulkhead.elf` in the folder of images)
    #[arg(long, value_name = "ELF")]
    pub hypervisor: Option<PathBuf>,
    /// Run this kernel in every partition that runs `linux/Image` or has an initrd
    #[arg(long, value_name = "IMAGE")]
    pub kernel: Option<PathBuf>,
    /// Give this initrd to the same partitions
    #[arg(long, value_name = "CPIO")]
    pub initrd: Option<PathBuf>,
    /// Refuse to choose anything that `layout.lock` does not say
    #[arg(long)]
    pub locked: bool,
    /// Where the image is to run.
    #[arg(skip)]
    pub venue: Venue,
}

/// Where an image is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Venue {
    /// On the board.
    #[default]
    Board,
    /// In QEMU's model of it, which may lack devices: those the board file names as absent.
    Qemu,
}

/// A proven image and what is worth knowing of it.
#[derive(Debug)]
pub struct Built {
    /// The file to flash.
    pub image: Vec<u8>,
    /// The names of the partitions, in the order of the plan.
    pub partitions: Vec<String>,
    /// What the proof has counted.
    pub proof: Proof,
    /// What the hypervisor takes.
    pub size: Size,
    /// Partitions and what they go without, for QEMU does not model it.
    pub absent: Vec<(String, String)>,
    plan: PlanBytes,
    trees: Vec<Option<Vec<u8>>>,
    map: Map,
    lock: String,
    machine: Option<Template>,
    sources: Report,
    board_tree: Vec<u8>,
    /// The firmware has that tree, too.
    is_tree_with_firmware: bool,
}

/// Why there is no image.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is wrong, or files that it names are missing.
    Rejected(Box<Report>),
    /// The command makes no sense.
    Usage(String),
    /// A file cannot be read or written.
    Host(String),
    /// The tool made an image and could not prove it.
    Unproven(String),
}

/// Makes the image of the system file at `path`.
pub fn build(path: &Path, options: &Options) -> Result<Built, Failure> {
    let mut report = Report::default();
    match plan(path, options, &mut report) {
        Some(built) => built,
        None => Err(Failure::Rejected(Box::new(report))),
    }
}

/// The names of the files that the system at `path` needs and that are not there.
pub fn missing_files(path: &Path, options: &Options) -> Vec<PathBuf> {
    let Some(wish) = load(path, &mut Report::default()) else { return Vec::new() };
    let folders = images_beside(&wish.system.folder, &options.images);
    let partitions = wish.system.partitions.iter().flat_map(|partition| {
        let (image, initrd) = guest::names(partition, options);
        [Some(image), initrd].into_iter().flatten()
    });
    let disks = wish.system.disks.iter().map(|disk| Path::new(&disk.image.value));
    let missing = partitions.chain(disks).filter(|name| guest::find(name, &folders).is_none());
    let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    let tree = tree_file(&wish.board, &options.images).filter(|path| !path.is_file());
    let is_fetched = wish.board.fetch.is_some();
    missing
        .extend(tree.filter(|_| is_fetched).map(|_| Path::new(FETCHED).join(&wish.board.device_tree.value)));
    let hypervisor = hypervisor::paths(options);
    if !hypervisor.iter().any(|path| path.is_file()) {
        missing.extend(hypervisor.into_iter().next());
    }
    missing.sort();
    missing.dedup();
    missing
}

/// Every step in turn; `None` if the report says what is wrong.
fn plan(path: &Path, options: &Options, report: &mut Report) -> Option<Result<Built, Failure>> {
    let wish = load(path, report)?;
    // A partition with a fault of form is left out, and could have been the one that is meant.
    if let Some(idle) = guest::idle(&wish.system.partitions, options).filter(|_| report.is_clean()) {
        return Some(Err(Failure::Usage(format!("no partition of `{}` {idle}", wish.name))));
    }
    let board = Board::read(&wish, &options.images, report)?;
    rules::acceptances(&wish, &board, report);
    let mut system = expand(&wish, &board, report);
    rules::check(&system, report);
    rules::check_today(&system, report);
    // Only now: what is wrong on the board is wrong in QEMU, too.
    let absent = if options.venue == Venue::Qemu { system.leave_absent_out() } else { Vec::new() };
    let guests = guest::read(&system, options, report);
    rules::check_programs(&system, &guests, report);
    let hypervisor = hypervisor::read(options, report);
    let machine = Template::of(&system, options, report);
    if !report.is_clean() {
        return None;
    }
    let guests: Vec<Guest> = guests.into_iter().collect::<Option<_>>()?;
    let files = Files { guests: &guests, hypervisor: &hypervisor? };
    let assembly = assemble(&system, files, report)?;
    rules::check_places(&system, &guests, &assembly, report);
    if options.locked {
        lock::nothing_moves(&system, &assembly.spaces, report);
    }
    if !report.is_clean() {
        return None;
    }
    let built = finish(&system, assembly, machine, report);
    Some(built.map(|built| Built { absent, ..built }).map_err(Failure::Unproven))
}

fn finish(
    system: &System<'_>,
    assembly: Assembly,
    machine: Option<Template>,
    report: &Report,
) -> Result<Built, String> {
    let proof = prove_image(&assembly.image)?;
    let plan = PlanBytes::of(&assembly.image)?;
    let decoded = Plan::decode(plan.bytes()).map_err(|error| error.to_string())?;
    let map = survey(system, &decoded, &assembly.contents, report);
    let lock = lock::write(system, &assembly.spaces);
    let hypervisor = assembly.contents.first().map_or(0, |binary| binary.span.size);
    let size = Size::of(&decoded, hypervisor);
    let partitions = system.partitions.iter().map(|partition| partition.name().to_owned()).collect();
    Ok(Built {
        image: assembly.image,
        partitions,
        proof,
        size,
        plan,
        trees: assembly.trees,
        map,
        lock,
        machine,
        sources: report.clone(),
        board_tree: system.board.tree.to_blob(),
        is_tree_with_firmware: system.wish.board.device_tree.value == QEMU_TREE,
        absent: Vec::new(),
    })
}

impl Options {
    /// Where the hypervisor's binary is, or should be.
    pub fn hypervisor_path(&self) -> PathBuf {
        let paths = hypervisor::paths(self);
        let found = paths.iter().find(|path| path.is_file()).or(paths.first());
        found.cloned().unwrap_or_default()
    }
}

impl Built {
    /// How many partitions it has, in words.
    pub fn count(&self) -> String {
        match self.partitions.len() {
            1 => "1 partition".to_owned(),
            count => format!("{count} partitions"),
        }
    }

    /// The plan in the image.
    pub fn plan(&self) -> Result<Plan<'_>, DecodeError> {
        Plan::decode(self.plan.bytes())
    }

    /// Where a loader has to put the image so that nothing moves, if something of it is to lie in place.
    pub fn home(&self) -> Option<u64> {
        let plan = self.plan().ok()?;
        let window = plan.board.window;
        plan.loads.iter().any(|load| load.is_in_place(&window)).then_some(window.base.0)
    }

    /// What partitions go without in QEMU, a line each.
    pub fn losses(&self) -> String {
        let line = |(who, device): &(String, String)| {
            format!("note: QEMU does not model `{device}`: in this run `{who}` goes without\n")
        };
        self.absent.iter().map(line).collect()
    }

    /// Who owns what.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// What is not wrong and should be looked at all the same, and what was accepted.
    pub fn findings(&self) -> &Report {
        &self.sources
    }

    /// The page for the safety case.
    pub fn report(&self) -> String {
        let proof = verify(&self.image);
        let sources = self.sources.digests();
        Page { map: &self.map, contents: &inspect(&self.image), proof: &proof, sources: &sources }.html()
    }

    /// An answer about this system as a person reads it, with the lines that it comes from.
    pub fn draw(&self, answer: &Answer) -> String {
        let Answer { says, written, notes, seen, .. } = answer;
        let sights = seen.iter().map(|sight| format!("`{}` finds there {}", sight.partition, sight.sees));
        let notes: Vec<String> = notes.iter().cloned().chain(sights).collect();
        self.sources.draw(says, written, &notes)
    }

    /// Every default that was taken, and every choice that was made.
    pub fn explain(&self) -> String {
        explain(&self.map, &self.sources)
    }

    /// The lock file that keeps what was chosen where it is.
    pub fn lock(&self) -> &str {
        &self.lock
    }

    /// The flattened device tree of a partition, if it has one.
    pub fn device_tree(&self, partition: &str) -> Option<&[u8]> {
        let index = self.partitions.iter().position(|name| name == partition)?;
        self.trees.get(index)?.as_deref()
    }

    /// The flattened device tree of the board.
    pub fn board_tree(&self) -> &[u8] {
        &self.board_tree
    }

    /// The image, as [`crate::package::Purpose::package`] takes it. A board that is described by a file may have
    /// firmware without that file, so it goes with the image; QEMU gives its own tree to the firmware.
    pub fn payload(&self) -> Result<Payload<'_>, DecodeError> {
        let board = self.plan()?.board;
        let tree = (!self.is_tree_with_firmware).then_some(self.board_tree.as_slice());
        let place = Span { size: hypervisor::extent(&self.image), ..board.window };
        Ok(Payload { image: &self.image, board: board.name.as_str(), place, tree })
    }

    /// The machine whose firmware starts the image; `None` if QEMU does not have the board.
    pub(crate) fn machine_with(&self, firmware: &Firmware) -> Option<Result<Machine, Failure>> {
        let machine = self.machine.as_ref()?.machine_with(firmware);
        Some(machine.map_err(Failure::Usage))
    }

    /// The machine that runs the image, whose file is `image`; `None` if QEMU does not have the board.
    pub fn machine(&self, image: &Path) -> Option<Machine> {
        self.machine.as_ref().map(|template| template.machine(image))
    }
}

impl Failure {
    /// The exit code of a command that fails by this: 1 wrong, 2 usage, 3 something is missing.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Rejected(report) if report.is_only_missing_files() => 3,
            Self::Usage(_) => 2,
            Self::Host(_) => 3,
            Self::Rejected(_) | Self::Unproven(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(report) => report.fmt(f),
            Self::Usage(why) | Self::Host(why) => writeln!(f, "error: {why}"),
            Self::Unproven(why) => {
                writeln!(f, "error: the image cannot be proven: {why}")?;
                writeln!(f, "This is a fault of the tool, not of the configuration. Please report it.")
            }
        }
    }
}

impl std::error::Error for Failure {}
