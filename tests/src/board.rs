//! The boards that tests run on.
//!
//! Most tests run on QEMU's `virt` with a GICv3. What depends on the interrupt controller runs on that with a
//! GICv2 as well: the same test, for it is to find the same. What depends on the board is in `boards.rs`.

/// A board of `board-configs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Board {
    /// QEMU's `virt` with a GICv3.
    #[default]
    Virt,
    /// The same with a GICv2.
    VirtGicv2,
    /// NXP's i.MX 8M Plus.
    Imx8mp,
    /// AMD's Zynq UltraScale+.
    Zcu102,
    /// AMD's Versal, as QEMU has it.
    Versal,
    /// The Raspberry Pi 4.
    Raspi4b,
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
    /// Those on which operations are measured: one with each interrupt controller.
    pub const MEASURED: [Self; 2] = [Self::Virt, Self::VirtGicv2];

    /// Its folder in `board-configs`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Virt => "qemu-virt",
            Self::VirtGicv2 => "qemu-virt-gicv2",
            Self::Imx8mp => "imx8mp-evk",
            Self::Zcu102 => "zcu102",
            Self::Versal => "versal-virt",
            Self::Raspi4b => "raspi4b",
        }
    }

    /// What its interrupt controller is called where figures are written down.
    pub const fn gic(self) -> &'static str {
        if self.has_gicv2() { "gicv2" } else { "gicv3" }
    }

    /// Whether it has a GICv2, else a GICv3.
    pub(crate) const fn has_gicv2(self) -> bool {
        matches!(self, Self::VirtGicv2 | Self::Zcu102 | Self::Raspi4b)
    }

    /// Whether somebody turns it off when the hypervisor wants it so.
    pub(crate) const fn can_be_turned_off(self) -> bool {
        !matches!(self, Self::Raspi4b)
    }

    /// What Linux calls its interrupt controller in `/proc/interrupts`.
    pub(crate) const fn gic_in_linux(self) -> &'static str {
        if self.has_gicv2() { "GIC-0" } else { "GICv3" }
    }
}
