//! The catalogue of everything that can be wrong, unsafe or surprising.
//!
//! A code is a promise: it keeps its meaning for ever, and one that is given up is not used again. The
//! first two digits say where to look: 01 CPUs, 02 devices, 03 memory, 04 DMA, 05 interrupts, 06 images,
//! 07 boot and board, 08 restarts and control. Every code has a broken configuration of its own in
//! `tests/reject/` and, beside it, the same configuration repaired; a page in `src/pages/` says what it means.

use super::example;
use super::example::Example;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It must be repaired.
    Error,
    /// It must be repaired, or accepted in writing.
    Risk,
    /// It should be repaired, or accepted in writing; must be, if a critical partition is concerned.
    Warning,
    /// It is worth knowing.
    Note,
}

macro_rules! catalogue {
    ($($name:ident = $text:literal, $weight:ident, $form:ident $case:literal, $meaning:literal;)+) => {
        /// A kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $meaning] $name,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it is printed: `P0203`.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)+
                }
            }

            /// How much it weighs.
            pub fn weight(self) -> Weight {
                match self {
                    $(Self::$name => Weight::$weight,)+
                }
            }

            /// Why it matters: the text of its page.
            pub(crate) fn page(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!("../pages/", $text, ".md")),)+
                }
            }

            /// A file that has this mistake, and the same file repaired.
            pub(crate) fn example(self) -> Option<Example> {
                match self {
                    $(Self::$name => example!($form $case),)+
                }
            }
        }
    };
}

// The columns: name, code, weight, the case in `tests/reject/` that the page shows, meaning. `file` is a system,
// `board` a board; `none` is a case whose repair is not written in either.
catalogue! {
    CpuShared = "P0101", Error, file "cpu-shared", "A CPU is given to two partitions.";
    CpuUnknown = "P0102", Error, file "cpu-unknown", "The board does not have the CPU.";
    NoCpu = "P0103", Error, file "cpu-none", "A partition has no CPU.";
    CpuRepeated = "P0104", Error, file "cpu-repeated", "A CPU stands twice in one list.";
    CpuUnusable = "P0105", Error, file "cpu-unusable", "The CPU cannot be started as the board starts CPUs.";
    SiblingsApart = "P0106", Risk, file "on-soc/siblings-apart", "Threads of one core have two owners.";
    CpusFree = "P0107", Note, system "cpus-free", "CPUs of the board are nobody's.";
    KindsMixed = "P0108", Warning, file "on-soc/kinds-mixed", "A program that is no kernel gets CPUs of two kinds.";
    CpusTooFew = "P0131", Error, file "cpus-too-few", "Fewer CPUs are left than a partition wants.";

    DeviceUnknown = "P0201", Error, file "device-unknown", "The board does not have the device.";
    DeviceReserved = "P0202", Error, file "device-reserved", "The device can belong to no partition.";
    DeviceShared = "P0203", Error, file "device-shared", "A device is given to two partitions.";
    PageShared = "P0204", Error, file "page-shared", "Two owners would share a page of registers.";
    DeviceDisabled = "P0205", Error, file "device-disabled", "The board's device tree disables the device.";
    ProviderShared = "P0206", Risk, file "provider-shared", "Two partitions depend on one provider.";
    ProviderUnowned = "P0207", Risk, file "provider-unowned", "A device depends on a provider that its partition does not own.";
    DeviceRepeated = "P0208", Error, file "device-repeated", "A device stands twice in one list.";
    DeviceUnreachable = "P0209", Error, file "device-unreachable", "The device's registers cannot be given to a partition.";
    UpstreamGiven = "P0210", Risk, file "on-soc/console-provider-given", "The hypervisor or a CPU of another partition depends on a partition's device.";
    ConsoleGiven = "P0211", Error, file "device-console", "The hypervisor's console is given away.";
    ResetsBoard = "P0212", Warning, file "on-soc/resets-board", "A partition owns a device that can reset the whole board.";
    BehindController = "P0213", Error, file "on-soc/behind-controller", "A device is a part of one that its partition does not own.";
    DeviceEmpty = "P0214", Warning, file "device-empty", "There is nothing to give of a device.";

    MemoryFull = "P0301", Error, file "memory-full", "The partition's memory does not fit the board.";
    MemoryUnit = "P0302", Error, file "memory-unit", "The memory size is zero or no multiple of 2 MiB.";
    SizeUnreadable = "P0303", Error, file "size-unreadable", "A size cannot be read.";
    RamBaseUnaligned = "P0304", Error, file "ram-base-unaligned", "The RAM base is no multiple of 2 MiB.";
    RamOverDevice = "P0305", Error, file "ram-over-device", "A partition's RAM covers one of its devices.";
    AddressTooHigh = "P0306", Error, file "ram-too-high", "A partition's address has more than 39 bits.";
    LargeBlocksLost = "P0307", Warning, file "on-soc/large-blocks-lost", "Memory of a gigabyte or more cannot be mapped by blocks of a gigabyte.";
    MemoryFree = "P0308", Note, system "memory-free", "Memory of the board is nobody's.";
    RestShared = "P0331", Error, file "rest-shared", "Two partitions take the rest.";
    LayoutMoved = "P0332", Error, none "layout-moved", "Something would move that the lock file keeps where it is.";

    MasterUnaccepted = "P0401", Risk, file "master-unaccepted", "A device can write all of memory and nobody accepted that.";
    AcceptForeign = "P0402", Error, file "declare-foreign", "A statement is about something that is not there, or not the partition's.";
    ReasonMissing = "P0403", Error, file "reason-missing", "A statement has no reason.";
    IdentityRefused = "P0404", Error, file "identity-refused", "Memory that is mapped one to one is wished for elsewhere.";
    NeighbourMaster = "P0405", Error, file "neighbour-master", "A bus master that nobody owns lies on a partition's page.";
    AcceptUnused = "P0406", Error, file "accept-unused", "An acceptance accepts nothing.";
    AcceptUnknown = "P0407", Error, file "accept-unknown", "An acceptance names a code that is none.";
    AcceptForbidden = "P0408", Error, file "accept-forbidden", "An acceptance is of something that cannot be accepted.";
    DeclareRepeated = "P0409", Error, file "declare-repeated", "A device is declared twice.";
    DeclareUseless = "P0410", Warning, file "declare-useless", "A declaration changes nothing.";
    CriticalExposed = "P0411", Risk, file "critical-exposed", "A bus master of another partition can write a critical one's memory.";
    OutOfReach = "P0412", Warning, file "on-soc/out-of-reach", "A bus master cannot reach its partition's memory.";

    InterruptShared = "P0501", Error, file "interrupt-shared", "An interrupt belongs to devices of two partitions.";
    InterruptOutOfRange = "P0502", Error, file "interrupt-out-of-range", "An interrupt is not one that a partition can own.";
    InterruptMode = "P0503", Error, file "interrupt-mode", "The way of interrupts is unknown.";
    InterruptWired = "P0504", Error, board "unwired-wired", "An interrupt that is said to be nobody's belongs to a device.";
    InterruptRepeated = "P0505", Error, board "unwired-repeated", "An interrupt stands twice in one list.";
    CountersSilent = "P0506", Note, system "counters-silent", "Performance counters raise interrupts that no partition gets.";
    CriticalUnguarded = "P0507", Warning, file "critical-unguarded", "A partition without a guard can end a critical one's interrupt.";
    InterruptOfNobody = "P0508", Warning, file "interrupt-of-nobody", "A device that nobody owns can raise a partition's interrupt.";
    TriggersDiffer = "P0509", Warning, file "on-soc/triggers-differ", "Two devices want one interrupt triggered in two ways.";
    UartPolled = "P0510", Warning, board "uart-polled", "A kernel's virtual UART raises no interrupt.";

    ImageMissing = "P0601", Error, file "image-missing", "An image is not there.";
    ImageUnknown = "P0602", Error, file "image-unknown", "A file is no image.";
    ElfForeign = "P0603", Error, file "elf-of-another-machine", "An ELF file is for another machine.";
    ImageCompressed = "P0604", Error, file "image-compressed", "An image is compressed.";
    ImageTooLarge = "P0605", Error, file "image-too-large", "An image is larger than the partition's memory.";
    SegmentOutside = "P0606", Error, file "segment-outside", "A segment lies outside of the partition's memory.";
    InitrdAlone = "P0607", Error, file "initrd-alone", "There is an initrd without a kernel.";
    ImageDamaged = "P0608", Error, file "image-damaged", "An image is damaged.";
    HypervisorUnusable = "P0609", Error, none "hypervisor-unusable", "The hypervisor's binary cannot be used.";
    PlaceOutside = "P0610", Error, file "raw-outside", "A chosen address lies outside of the partition's memory or of its image.";
    PiecesOverlap = "P0611", Error, file "tree-over-program", "Two pieces of a guest would lie in one place.";
    AddressUnaligned = "P0612", Error, file "tree-unaligned", "A chosen address is not aligned.";
    TreeNeeded = "P0613", Error, file "tree-refused-and-placed", "A key needs the device tree that the partition does not get.";
    ImageIsTree = "P0614", Error, file "image-is-tree", "An image is a device tree.";
    KernelUnflattened = "P0615", Error, file "kernel-unflattened", "An image is a kernel's ELF file, not its `Image`.";
    ProgramHosted = "P0616", Error, file "program-hosted", "An image is a program for an operating system.";
    ImageWrapped = "P0617", Error, file "image-wrapped", "An image is wrapped for a boot loader.";
    InitrdUnknown = "P0618", Warning, file "initrd-unknown", "An initrd is nothing that a kernel unpacks.";
    ProgramForEl2 = "P0619", Warning, file "program-for-el2", "A program takes for granted that it runs at EL2.";
    KernelSizeUnknown = "P0620", Warning, file "kernel-size-unknown", "A kernel does not say how much memory it takes.";
    KernelWithoutTree = "P0621", Warning, file "kernel-without-tree", "A kernel does not find a device tree.";
    ConsoleForeign = "P0622", Warning, file "console-foreign", "A command line names a console that the partition does not have.";
    RootForeign = "P0623", Warning, file "root-foreign", "A command line names a disk that the partition does not have.";
    RootMissing = "P0624", Warning, file "root-missing", "A kernel has neither an initrd nor a root file system.";
    CommandLineTooLong = "P0625", Warning, file "command-line-too-long", "A command line is longer than a kernel keeps.";
    CpuOfCommandLine = "P0626", Warning, file "cpu-of-command-line", "A command line names a CPU that the partition does not have.";
    PathAbsolute = "P0627", Warning, file "path-absolute", "A path is one of this computer only.";
    ImageUnchecked = "P0628", Risk, file "image-unchecked", "An image lies in place, where nobody checks it at boot.";
    CommandLineUnreadable = "P0629", Error, file "command-line-cut", "A command line holds a control character.";

    Syntax = "P0701", Error, file "syntax", "A file is not TOML.";
    KeyUnknown = "P0702", Error, file "key-unknown", "A key is unknown.";
    KeyMissing = "P0703", Error, file "key-missing", "A key is missing.";
    TypeWrong = "P0704", Error, file "type-wrong", "A value is not of the type that is wanted.";
    BoardMissing = "P0705", Error, none "board-missing", "The board is not described.";
    NameInvalid = "P0706", Error, file "name-invalid", "A name cannot be used.";
    NameRepeated = "P0707", Error, file "name-repeated", "Two partitions have one name.";
    PlaceholderUnknown = "P0708", Error, file "placeholder-unknown", "A placeholder is unknown.";
    ConsoleUnusable = "P0709", Error, board "console-unknown", "The hypervisor cannot use the console.";
    WindowMisplaced = "P0710", Error, board "window-unaligned", "The hypervisor's window is not in RAM or not aligned.";
    WindowTooLarge = "P0711", Error, board "window-too-large", "The hypervisor's window would be too large.";
    LimitExceeded = "P0712", Error, none "too-many-cpus", "There is more of something than a plan can hold.";
    TreeMissing = "P0713", Error, board "tree-missing", "The board's device tree is not there.";
    TreeDamaged = "P0714", Error, board "tree-damaged", "The board's device tree is damaged.";
    BoardUnsupported = "P0715", Error, none "board-with-gicv1", "The board is not one that the hypervisor can run on.";
    QemuMissing = "P0716", Error, none "qemu-missing", "QEMU is not installed.";
    QemuRefused = "P0717", Error, board "qemu-refused", "QEMU does not know the machine.";
    MachineReduced = "P0718", Error, file "machine-reduced", "A system asks for less than the board.";
    SerialUnknown = "P0719", Error, board "serial-unknown", "A serial line is no device of the board.";
    SystemMissing = "P0720", Error, none "system-missing", "The system is not described.";
    BoardAsSystem = "P0721", Error, none "board-as-system", "A board is named where a system is wanted.";
    KeyRepeated = "P0722", Error, file "key-repeated", "A key stands twice in one table.";
    QemuForNobody = "P0723", Error, system "qemu-for-nobody", "A system has wishes for QEMU, and its board is no machine of QEMU.";
    SerialRepeated = "P0724", Error, board "serial-repeated", "Two serial lines are one device.";
    ConsoleUnseen = "P0725", Warning, board "console-unseen", "QEMU has no serial line for a console.";
    DiskBusUnknown = "P0726", Error, file "disk-bus-unknown", "A disk hangs on a bus that the machine does not have.";
    DiskBusTaken = "P0727", Error, file "disk-bus-taken", "Two disks hang on one bus.";
    DiskOfNobody = "P0728", Warning, file "disk-of-nobody", "A disk hangs on a device that no partition owns.";
    ConsoleElsewhere = "P0729", Note, board "console-elsewhere", "The firmware speaks through another UART than the hypervisor.";
    MemoryMisplaced = "P0730", Error, board "memory-over-device", "A board's memory is not where its file says.";
    CpuInterfaceMisplaced = "P0732", Error, board "cpu-interface-unaligned", "The GIC's CPU interface cannot be where the board says.";

    FaultAnswerUnknown = "P0801", Error, file "fault-answer-unknown", "What is to follow a fault is unknown.";
    RestartLoud = "P0802", Error, file "restart-loud", "A partition would begin again while a device may still write its memory.";
    RestartIdle = "P0803", Error, file "restart-idle", "A number about restarts belongs to a partition that is not restarted.";
    RestartLate = "P0804", Error, file "restart-late", "A partition would wait too long before it begins again.";
    ControlUnknown = "P0805", Error, file "control-unknown", "A partition controls what is no other partition.";
    FunctionReserved = "P0806", Error, file "function-reserved", "A function of the firmware is the hypervisor's to answer.";
    SilenceMisplaced = "P0807", Error, board "silence-misplaced", "What silences a device has no device or no register.";
    CriticalControlled = "P0808", Warning, file "critical-controlled", "A partition can stop a critical one.";
    FunctionUnchecked = "P0809", Warning, file "function-unchecked", "A partition calls functions of the firmware that nobody checks.";
    RestartInPlace = "P0810", Error, file "restart-in-place", "A partition would begin again whose image lies in place.";
    FirmwareMissing = "P0811", Error, file "on-spin-table/firmware-missing", "A partition calls functions of firmware that the board does not have.";
    StepImpossible = "P0812", Error, board "step-impossible", "A step that silences a device says two things at once, or nothing.";
    StepForeign = "P0813", Error, board "step-foreign", "A step that silences a device touches what is not its partition's.";
}

impl Code {
    /// The code that is printed so.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.text() == text)
    }

    /// Whether it can be accepted in writing.
    pub fn is_acceptable(self) -> bool {
        self.weight() != Weight::Error
    }

    /// Whether the fault is that a file or a program is not there, rather than that something is wrong.
    pub fn is_missing_file(self) -> bool {
        matches!(
            self,
            Self::ImageMissing
                | Self::BoardMissing
                | Self::TreeMissing
                | Self::QemuMissing
                | Self::SystemMissing
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_used_twice() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.text()).collect();
        texts.dedup();
        assert!(texts.is_sorted(), "{texts:?}");
        assert_eq!(texts.len(), Code::ALL.len());
    }
}
