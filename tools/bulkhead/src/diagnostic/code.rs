//! The catalogue of everything that can be wrong.
//!
//! A code is a promise: it keeps its meaning for ever, and one that is given up is not used again. The
//! first two digits say where to look: 01 CPUs, 02 devices, 03 memory, 04 DMA, 05 interrupts, 06 images,
//! 07 boot and board, 08 restarts and control. Every code has a broken configuration of its own in `tests/reject/`.

macro_rules! catalogue {
    ($($name:ident = $text:literal, $meaning:literal;)+) => {
        /// A kind of fault.
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
        }
    };
}

catalogue! {
    CpuShared = "P0101", "A CPU is given to two partitions.";
    CpuUnknown = "P0102", "The board does not have the CPU.";
    NoCpu = "P0103", "A partition has no CPU.";
    CpuRepeated = "P0104", "A CPU stands twice in one list.";
    CpuUnusable = "P0105", "The CPU cannot be started by PSCI.";
    CpusTooFew = "P0131", "Fewer CPUs are left than a partition wants.";

    DeviceUnknown = "P0201", "The board does not have the device.";
    DeviceReserved = "P0202", "The device can belong to no partition.";
    DeviceShared = "P0203", "A device is given to two partitions.";
    PageShared = "P0204", "Two owners would share a page of registers.";
    DeviceDisabled = "P0205", "The board's device tree disables the device.";
    ProviderShared = "P0206", "Two partitions depend on one provider.";
    ProviderUnowned = "P0207", "A device depends on a provider that its partition does not own.";
    DeviceRepeated = "P0208", "A device stands twice in one list.";
    DeviceUnreachable = "P0209", "The device's registers cannot be given to a partition.";

    MemoryFull = "P0301", "The partition's memory does not fit the board.";
    MemoryUnit = "P0302", "The memory size is zero or no multiple of 2 MiB.";
    SizeUnreadable = "P0303", "A size cannot be read.";
    RamBaseUnaligned = "P0304", "The RAM base is no multiple of 2 MiB.";
    RamOverDevice = "P0305", "A partition's RAM covers one of its devices.";
    AddressTooHigh = "P0306", "A partition's address has more than 39 bits.";
    RestShared = "P0331", "Two partitions take the rest.";
    LayoutMoved = "P0332", "Something would move that the lock file keeps where it is.";

    MasterUnaccepted = "P0401", "A device can write all of memory and nobody accepted that.";
    AcceptForeign = "P0402", "A statement is about a device that the partition does not own.";
    ReasonMissing = "P0403", "A statement has no reason.";
    IdentityRefused = "P0404", "A partition with a bus master needs memory that is mapped one to one.";
    NeighbourMaster = "P0405", "A bus master that nobody owns lies on a partition's page.";

    InterruptShared = "P0501", "An interrupt belongs to devices of two partitions.";
    InterruptOutOfRange = "P0502", "An interrupt is not one that a partition can own.";
    InterruptMode = "P0503", "The way of interrupts is unknown.";
    InterruptWired = "P0504", "An interrupt that is said to be nobody's belongs to a device.";
    InterruptRepeated = "P0505", "An interrupt stands twice in one list.";

    ImageMissing = "P0601", "An image is not there.";
    ImageUnknown = "P0602", "A file is no image.";
    ElfForeign = "P0603", "An ELF file is for another machine.";
    ImageCompressed = "P0604", "An image is compressed.";
    ImageTooLarge = "P0605", "An image is larger than the partition's memory.";
    SegmentOutside = "P0606", "A segment lies outside of the partition's memory.";
    InitrdAlone = "P0607", "There is an initrd without a kernel.";
    ImageDamaged = "P0608", "An image is damaged.";
    HypervisorUnusable = "P0609", "The hypervisor's binary cannot be used.";
    PlaceOutside = "P0610", "A chosen address lies outside of the partition's memory or of its image.";
    PiecesOverlap = "P0611", "Two pieces of a guest would lie in one place.";
    AddressUnaligned = "P0612", "A chosen address is not aligned.";
    TreeNeeded = "P0613", "A key needs the device tree that the partition does not get.";

    Syntax = "P0701", "A file is not TOML.";
    KeyUnknown = "P0702", "A key is unknown.";
    KeyMissing = "P0703", "A key is missing.";
    TypeWrong = "P0704", "A value is not of the type that is wanted.";
    BoardMissing = "P0705", "The board is not described.";
    NameInvalid = "P0706", "A name cannot be used.";
    NameRepeated = "P0707", "Two partitions have one name.";
    PlaceholderUnknown = "P0708", "A placeholder is unknown.";
    ConsoleUnusable = "P0709", "The hypervisor cannot use the console.";
    WindowMisplaced = "P0710", "The hypervisor's window is not in RAM or not aligned.";
    WindowTooLarge = "P0711", "The hypervisor's window would be too large.";
    LimitExceeded = "P0712", "There is more of something than a plan can hold.";
    TreeMissing = "P0713", "The board's device tree is not there.";
    TreeDamaged = "P0714", "The board's device tree is damaged.";
    BoardUnsupported = "P0715", "The board is not one that the hypervisor can run on.";
    QemuMissing = "P0716", "QEMU is not installed.";
    QemuRefused = "P0717", "QEMU does not know the machine.";
    MachineReduced = "P0718", "A system asks for less than the board.";
    SerialUnknown = "P0719", "A serial line is no device of the board.";
    SystemMissing = "P0720", "The system is not described.";

    FaultAnswerUnknown = "P0801", "What is to follow a fault is unknown.";
    RestartLoud = "P0802", "A partition would begin again while a device may still write its memory.";
    RestartIdle = "P0803", "A number about restarts belongs to a partition that is not restarted.";
    RestartLate = "P0804", "A partition would wait too long before it begins again.";
    ControlUnknown = "P0805", "A partition controls what is no other partition.";
    FunctionReserved = "P0806", "A function of the firmware is the hypervisor's to answer.";
    SilenceMisplaced = "P0807", "What silences a device has no device or no register.";
}

impl Code {
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
