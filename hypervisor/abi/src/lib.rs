//! Calls of Bulkhead's own: their numbers and values, for EL2 and for guests.
//!
//! Vendor-specific hypervisor services of the SMC Calling Convention (DEN 0028 §6), by `HVC` or `SMC`: the
//! function in w0, arguments from x1 on, results from x0 on. A guest first compares what [`CALL_UID`]
//! returns with [`UUID`]: other hypervisors use the same numbers for other things.
//!
//! The calls are about the partitions that the caller may control (`controls` in the system file). It names
//! one by its position among them, from 0, in the order in which the system file describes partitions.

#![no_std]
#![forbid(unsafe_code)]

/// Returns [`UUID`] in w0 to w3.
pub const CALL_UID: u32 = 0x8600_ff01;
/// Returns the revision of these calls: major number in w0, minor number in w1.
pub const CALL_REVISION: u32 = 0x8600_ff03;
/// Argument x1: which partition. Returns [`SUCCESS`] and its name in x1 to x4, padded with zero bytes, the
/// first byte lowest.
pub const PARTITION_NAME: u32 = 0xc600_0000;
/// Argument x1: which partition. Returns [`SUCCESS`], a [`State`] in x1, in x2 how often it has begun again
/// since it was started, and in x3 the CPUs that are in it (bit n: its CPU n).
pub const PARTITION_STATE: u32 = 0xc600_0001;
/// Argument x1: which partition. Starts it if it is off.
pub const PARTITION_START: u32 = 0xc600_0002;
/// Argument x1: which partition. Takes its memory away and turns it off. The call does not wait for that.
pub const PARTITION_STOP: u32 = 0xc600_0003;
/// Argument x1: which partition. Stops it, and starts it from its pristine image. The call does not wait
/// for that.
pub const PARTITION_RESTART: u32 = 0xc600_0004;

/// c3f5a1de-7b84-4d26-9e0f-52b1d6c8a947, as the calling convention packs a UUID into words.
pub const UUID: [u32; 4] = [0xdea1_f5c3, 0x264d_847b, 0xb152_0f9e, 0x47a9_c8d6];
/// The revision that this crate describes: major, minor.
pub const REVISION: [u32; 2] = [1, 0];

/// It is done, or under way.
pub const SUCCESS: i64 = 0;
/// There is no such function.
pub const NOT_SUPPORTED: i64 = -1;
/// There is no such partition, or the caller does not control it.
pub const INVALID_PARAMETERS: i64 = -2;
/// The partition can have no other life: a device may still write into its memory.
pub const DENIED: i64 = -3;
/// The partition is in that state already.
pub const ALREADY: i64 = -4;
/// A CPU of the partition is still on its way off: try again.
pub const BUSY: i64 = -5;
/// The firmware does not start the partition's first CPU.
pub const FAILED: i64 = -6;

/// Where a partition is in its life, as [`PARTITION_STATE`] says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum State {
    /// Nobody is in it.
    Off = 0,
    /// Its CPUs run its guest.
    Running = 1,
    /// Its memory is taken away, its CPUs leave it.
    Stopping = 2,
    /// Its CPUs have left; it is cleaned up, or waits to begin again.
    Ending = 3,
}

impl State {
    /// The state with this number.
    pub const fn new(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Off),
            1 => Some(Self::Running),
            2 => Some(Self::Stopping),
            3 => Some(Self::Ending),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_known_by_its_number() {
        for state in [State::Off, State::Running, State::Stopping, State::Ending] {
            assert_eq!(State::new(state as u64), Some(state));
        }
        assert_eq!(State::new(4), None);
    }

    /// DEN 0028 §5.3: the bytes of the UUID in order, the first lowest in w0.
    #[test]
    fn the_uuid_is_packed_as_the_convention_says() {
        const BYTES: [u8; 16] =
            [0xc3, 0xf5, 0xa1, 0xde, 0x7b, 0x84, 0x4d, 0x26, 0x9e, 0x0f, 0x52, 0xb1, 0xd6, 0xc8, 0xa9, 0x47];
        let words = BYTES.as_chunks::<4>().0;
        assert_eq!(UUID, [words[0], words[1], words[2], words[3]].map(u32::from_le_bytes));
    }
}
