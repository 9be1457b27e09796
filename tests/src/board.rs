//! The boards that tests run on.
//!
//! Every test runs on QEMU's `virt` with a GICv3. What depends on the interrupt controller runs on that with a
//! GICv2 as well: the same test, for it is to find the same.

/// A board of `board-configs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Board {
    /// QEMU's `virt` with a GICv3.
    #[default]
    Virt,
    /// The same with a GICv2.
    VirtGicv2,
}

/// When a test runs on [`Board::VirtGicv2`] too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It has nothing to do with interrupts.
    Never,
    /// In the long tier.
    Long,
    /// Each time.
    Always,
}

impl Board {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Virt, Self::VirtGicv2];

    /// Its folder in `board-configs`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Virt => "qemu-virt",
            Self::VirtGicv2 => "qemu-virt-gicv2",
        }
    }

    /// What its interrupt controller is called where figures are written down.
    pub const fn gic(self) -> &'static str {
        match self {
            Self::Virt => "gicv3",
            Self::VirtGicv2 => "gicv2",
        }
    }

    /// What Linux calls its interrupt controller in `/proc/interrupts`.
    pub(crate) const fn gic_in_linux(self) -> &'static str {
        match self {
            Self::Virt => "GICv3",
            Self::VirtGicv2 => "GIC-0",
        }
    }
}
