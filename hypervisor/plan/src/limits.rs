//! The sizes of everything that has one, stated once.
//!
//! They bound what EL2 walks and allocates, so that no plan, however it came about, can make boot long
//! or memory short. They are far above what boards of this class have.

/// Most CPUs a board may have.
pub const CPUS: usize = 64;
/// Most partitions in a plan; VMIDs run from 1 to this.
pub const PARTITIONS: usize = 32;
/// Most regions of all partitions together.
pub const REGIONS: usize = 1024;
/// Most pieces to load of all partitions together.
pub const LOADS: usize = 256;
/// Most interrupts of all partitions together.
pub const INTERRUPTS: usize = 1024;
/// Most steps of all partitions together that silence devices.
pub const STEPS: usize = 256;
/// Most functions of the firmware that all partitions together may call.
pub const FUNCTIONS: usize = 256;
/// Longest delay, in milliseconds, before a partition begins again for the first time.
pub const RESTART_DELAY: u32 = 60_000;
/// Most stretches of RAM a board may have.
pub const MEMORY: usize = 32;
/// Most interrupt translation services (ITS) a GIC may have.
pub const TRANSLATORS: usize = 16;
/// Longest name in bytes.
pub const NAME: usize = 32;
/// Highest SPI of a GIC without the extended range (GICv3 §2.2.1).
pub const LAST_SPI: u32 = 1019;
/// Most CPUs that a GICv2 knows (GICv2 §1.2).
pub const CPU_INTERFACES: u32 = 8;
/// Lowest SPI.
pub const FIRST_SPI: u32 = 32;
/// Bits of the largest intermediate physical address.
pub const IPA_BITS: u32 = 48;
/// Most 4 KiB pages that a concatenated stage-2 root has (Arm ARM D8.2.7).
pub const ROOT_PAGES: u32 = 16;
