//! The system file: which partitions a person wishes for.
//!
//! It holds sizes and names only; what the tool decides is not written here.

use super::Fields;
use super::life_wish::{LifeWish, life_wish};
use super::value::{CpuWish, MemoryWish, Size};
use crate::diagnostic::{Located, Report, Site};
use std::path::{Path, PathBuf};

/// A system.
#[derive(Debug)]
pub(crate) struct SystemFile {
    /// The folder it lies in.
    pub(crate) folder: PathBuf,
    /// Its first byte.
    pub(crate) site: Site,
    /// CPUs of the machine in QEMU, if not the board's number.
    pub(crate) cpus: Option<Located<u64>>,
    /// Memory of the machine in QEMU, if not the board's.
    pub(crate) memory: Option<Located<Size>>,
    /// Disks of the machine in QEMU.
    pub(crate) disks: Vec<Disk>,
    /// Every name that a partition has, also of those left out because of a fault.
    pub(crate) names: Vec<Located<String>>,
    /// The partitions.
    pub(crate) partitions: Vec<PartitionWish>,
    /// What is accepted.
    pub(crate) accept: Vec<AcceptWish>,
}

/// A disk of a machine in QEMU.
#[derive(Debug)]
pub(crate) struct Disk {
    /// The file that holds its first contents.
    pub(crate) image: Located<String>,
    /// QEMU's name of the bus it hangs on.
    pub(crate) bus: Located<String>,
}

/// A partition as wished for.
#[derive(Debug)]
pub(crate) struct PartitionWish {
    /// Where it begins in the file.
    pub(crate) site: Site,
    /// Its name.
    pub(crate) name: Located<String>,
    /// The file it runs.
    pub(crate) image: Located<String>,
    /// The file its kernel unpacks first.
    pub(crate) initrd: Option<Located<String>>,
    /// Its command line, placeholders not yet filled in.
    pub(crate) bootargs: Option<Located<String>>,
    /// Its CPUs by number on the board.
    pub(crate) cpus: Located<CpuWish>,
    /// Its memory.
    pub(crate) memory: Located<MemoryWish>,
    /// Where it says that it takes what nobody else does, if it does.
    pub(crate) rest: Option<Site>,
    /// Its devices by path or label.
    pub(crate) devices: Vec<Located<String>>,
    /// Whether its memory must lie where it sees it.
    pub(crate) identity: Option<Located<bool>>,
    /// Where it sees its memory.
    pub(crate) ram_base: Option<Located<u64>>,
    /// Whether its image lies in its memory already when the board boots.
    pub(crate) in_place: Option<Located<bool>>,
    /// Where its image goes, if the image itself does not say.
    pub(crate) raw: Option<RawWish>,
    /// Whether it gets a device tree.
    pub(crate) device_tree: Option<Located<bool>>,
    /// Where its device tree goes.
    pub(crate) device_tree_address: Option<Located<u64>>,
    /// What its first CPU finds in x0.
    pub(crate) x0: Option<Located<u64>>,
    /// How interrupts reach it.
    pub(crate) interrupts: Option<Located<String>>,
    /// What its life is like.
    pub(crate) life: LifeWish,
    /// Whether its warnings are errors.
    pub(crate) critical: Option<Located<bool>>,
    /// Facts declared.
    pub(crate) declare: Vec<Declaration>,
}

/// Where an image without a header goes.
#[derive(Debug)]
pub(crate) struct RawWish {
    /// The partition's address for its first byte.
    pub(crate) load_address: Located<u64>,
    /// Where its first CPU begins, if not there.
    pub(crate) entry: Option<Located<u64>>,
}

/// Where a partition's device tree goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TreeWish {
    /// Nowhere: there is none.
    Nowhere,
    /// To this address.
    At(u64),
    /// Where the kind of image wants it.
    Usual,
}

/// What a person says of a device that the tool cannot know.
#[derive(Debug)]
pub(crate) struct Declaration {
    /// The device, by path or label.
    pub(crate) device: Located<String>,
    /// Whether it masters the bus.
    pub(crate) bus_master: Located<bool>,
    /// How that is known.
    pub(crate) reason: Located<String>,
}

/// What a person takes upon themselves.
#[derive(Debug)]
pub(crate) struct AcceptWish {
    /// Where it begins in the file.
    pub(crate) site: Site,
    /// The code of what is accepted.
    pub(crate) code: Located<String>,
    /// The device that it is about, by path or label; `*` for every one of the partition.
    pub(crate) device: Option<Located<String>>,
    /// The partition that it is about.
    pub(crate) partition: Option<Located<String>>,
    /// Why.
    pub(crate) reason: Located<String>,
}

impl RawWish {
    /// Where the first CPU begins.
    pub(crate) fn entry(&self) -> &Located<u64> {
        self.entry.as_ref().unwrap_or(&self.load_address)
    }
}

impl PartitionWish {
    /// Where its device tree goes.
    pub(crate) fn tree(&self) -> TreeWish {
        match (&self.device_tree, &self.device_tree_address) {
            (Some(Located { value: false, .. }), _) => TreeWish::Nowhere,
            (_, Some(address)) => TreeWish::At(address.value),
            (_, None) => TreeWish::Usual,
        }
    }
}

/// Reads the keys of the system file at `path`.
pub(super) fn system_file(mut fields: Fields<'_>, path: &Path, report: &mut Report) -> Option<SystemFile> {
    let site = fields.site().clone();
    let (mut cpus, mut memory, mut disks) = (None, None, Vec::new());
    if let Some(mut qemu) = fields.table("qemu", "`[qemu]` of a system", report) {
        cpus = qemu.optional("cpus", report);
        memory = qemu.optional("memory", report);
        let tables = qemu.tables("disk", "`[[qemu.disk]]`", report);
        disks = tables.into_iter().filter_map(|fields| disk(fields, report)).collect();
        qemu.finish(report);
    }
    let mut names = Vec::new();
    let tables = fields.required_tables("partition", "`[[partition]]`", report);
    let partitions = tables.into_iter().filter_map(|fields| partition(fields, &mut names, report)).collect();
    let accept = fields.tables("accept", "`[[accept]]`", report);
    let accept = accept.into_iter().filter_map(|fields| acceptance(fields, report)).collect();
    fields.finish(report);
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Some(SystemFile { folder, site, cpus, memory, disks, names, partitions, accept })
}

fn disk(mut fields: Fields<'_>, report: &mut Report) -> Option<Disk> {
    let image = fields.required("image", report);
    let bus = fields.required("bus", report);
    fields.finish(report);
    Some(Disk { image: image?, bus: bus? })
}

fn partition(
    mut fields: Fields<'_>,
    names: &mut Vec<Located<String>>,
    report: &mut Report,
) -> Option<PartitionWish> {
    let site = fields.site().clone();
    let name: Option<Located<String>> = fields.required("name", report);
    names.extend(name.clone());
    let image = fields.required("image", report);
    let initrd = fields.optional("initrd", report);
    let bootargs = fields.optional("bootargs", report);
    let (cpus, memory, rest) = shares(&mut fields, report);
    let devices: Option<Located<Vec<_>>> = fields.optional("devices", report);
    let identity = fields.optional("identity", report);
    let ram_base = fields.optional("ram-base", report);
    let in_place = fields.optional("in-place", report);
    let raw = fields.table("raw", "`raw`", report).map(|fields| raw(fields, report));
    let device_tree = fields.optional("device-tree", report);
    let device_tree_address = fields.optional("device-tree-address", report);
    let x0 = fields.optional("x0", report);
    let interrupts = fields.optional("interrupts", report);
    let life = life_wish(&mut fields, report);
    let critical = fields.optional("critical", report);
    let declare = fields.tables("declare", "`[[partition.declare]]`", report);
    let declare = declare.into_iter().filter_map(|fields| declaration(fields, report)).collect();
    fields.finish(report);
    Some(PartitionWish {
        site,
        name: name?,
        image: image?,
        initrd,
        bootargs,
        cpus: cpus?,
        memory: memory?,
        rest,
        devices: devices.map(|list| list.value).unwrap_or_default(),
        identity,
        ram_base,
        in_place,
        raw: match raw {
            Some(raw) => Some(raw?),
            None => None,
        },
        device_tree,
        device_tree_address,
        x0,
        interrupts,
        life,
        critical,
        declare,
    })
}

/// CPUs, memory and whether all that is left comes with them: then neither has to be asked for.
fn shares(
    fields: &mut Fields<'_>,
    report: &mut Report,
) -> (Option<Located<CpuWish>>, Option<Located<MemoryWish>>, Option<Site>) {
    let rest: Option<Located<bool>> = fields.optional("rest", report);
    let rest = rest.filter(|rest| rest.value).map(|rest| rest.site);
    let excuse = ("rest", rest.is_some());
    let cpus = fields.required_unless("cpus", excuse, report);
    let memory: Option<Located<Size>> = fields.required_unless("memory", excuse, report);
    let memory = memory.map(|size| Located { value: MemoryWish::Bytes(size.value.0), site: size.site });
    let at = |site: &Site| site.clone();
    let all_cpus = rest.as_ref().map(|site| Located { value: CpuWish::Rest, site: at(site) });
    let all_memory = rest.as_ref().map(|site| Located { value: MemoryWish::Rest, site: at(site) });
    (cpus.or(all_cpus), memory.or(all_memory), rest)
}

fn raw(mut fields: Fields<'_>, report: &mut Report) -> Option<RawWish> {
    let load_address = fields.required("load-address", report);
    let entry = fields.optional("entry", report);
    fields.finish(report);
    Some(RawWish { load_address: load_address?, entry })
}

fn acceptance(mut fields: Fields<'_>, report: &mut Report) -> Option<AcceptWish> {
    let site = fields.site().clone();
    let code = fields.required("code", report);
    let device = fields.optional("device", report);
    let partition = fields.optional("partition", report);
    let reason = fields.required("reason", report);
    fields.finish(report);
    Some(AcceptWish { site, code: code?, device, partition, reason: reason? })
}

fn declaration(mut fields: Fields<'_>, report: &mut Report) -> Option<Declaration> {
    let device = fields.required("device", report);
    let bus_master = fields.required("bus-master", report);
    let reason = fields.required("reason", report);
    fields.finish(report);
    Some(Declaration { device: device?, bus_master: bus_master?, reason: reason? })
}
