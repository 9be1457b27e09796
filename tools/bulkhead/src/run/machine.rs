//! The QEMU machine that an image runs on, as its command line.

use std::{ffi::OsString, path::PathBuf};

use super::{demultiplexer::FIRMWARE, session::QEMU};

/// The label of the hypervisor's own log.
const HYPERVISOR: &str = "bulkhead";

/// A QEMU command line, apart from what belongs to the runner: serial ports, display and monitor.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `qemu-system-aarch64`, or a path to it.
    pub program: PathBuf,
    /// All arguments but `-serial`, `-display` and `-monitor`.
    pub args: Vec<OsString>,
    /// What each of the machine's serial ports carries, in QEMU's order.
    pub serials: Vec<Serial>,
    /// The partitions that run on it.
    pub partitions: Vec<String>,
}

/// What a serial port carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serial {
    /// The hypervisor's UART: its log, and all partitions without a UART of their own.
    Shared,
    /// The same until the hypervisor hands it over to this partition; what is typed is the partition's.
    Inherited(String),
    /// The UART of this partition, both ways.
    Partition(String),
    /// Nothing.
    Unused,
}

impl Machine {
    /// Whether there is a console of that name: a partition's, the hypervisor's log, or another source.
    pub(super) fn speaks(&self, name: &str) -> bool {
        [HYPERVISOR, FIRMWARE, QEMU].contains(&name)
            || self.partitions.iter().any(|partition| partition == name)
    }

    /// The partitions that can be typed to.
    pub fn listeners(&self) -> impl Iterator<Item = &str> {
        self.serials.iter().filter_map(|serial| match serial {
            Serial::Partition(name) | Serial::Inherited(name) => Some(name.as_str()),
            Serial::Shared | Serial::Unused => None,
        })
    }
}
