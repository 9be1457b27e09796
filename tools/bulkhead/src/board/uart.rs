//! The UARTs that the hypervisor can speak through, by their `compatible`.
//!
//! Each kind is a row of numbers from its manual; the plan carries them to the board, so a new kind is a new
//! row here and nothing at EL2. Pins, clocks, rate and format are the firmware's.

use crate::tree::{NodeId, Tree};
use bulkhead_plan::{Change, Console, Pa};

/// How to speak through a UART, or why the hypervisor cannot.
pub(crate) fn console(tree: &Tree, id: NodeId) -> Result<Console, String> {
    let is_kind = |kind: &&Kind| kind.compatible.iter().any(|name| tree.node(id).is_a(name));
    let kind = KINDS.iter().find(is_kind).ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        format!("no UART that the hypervisor knows: {}", names.join(", "))
    })?;
    let registers = tree.registers(id).ok().and_then(|registers| registers.first().copied());
    let base = registers.ok_or("its registers cannot be addressed")?.base;
    let number = |name, default| tree.node(id).cell(name).unwrap_or(default);
    let console = match kind.layout {
        Layout::Fixed(registers) => Console { base, ..registers },
        Layout::Counted(registers) => {
            let base = base.0.checked_add(number("reg-offset", 0).into()).map(Pa);
            let counted = Counted { shift: number("reg-shift", 0), width: number("reg-io-width", 1) };
            counted.console(base.ok_or("its registers cannot be addressed")?, registers)?
        }
    };
    if console.is_sound() { Ok(console) } else { Err("its registers cannot be addressed".to_owned()) }
}

/// What a UART is, as far as the numbers by which it sends tell: the first kind that has the same. A BCM2835 mini
/// UART sends as a 16550 does.
pub(crate) fn kind(console: &Console) -> &'static str {
    let has_its_numbers = |kind: &&Kind| match kind.layout {
        Layout::Fixed(registers) => *console == Console { base: console.base, ..registers },
        Layout::Counted(numbers) => {
            let mut shifts = (0..=MOST_SHIFT).map(|shift| Counted { shift, width: console.width });
            shifts.any(|counted| counted.console(console.base, numbers).as_ref() == Ok(console))
        }
    };
    KINDS.iter().find(has_its_numbers).map_or("UART", |kind| kind.name)
}

/// A kind of UART.
struct Kind {
    name: &'static str,
    compatible: &'static [&'static str],
    layout: Layout,
}

/// Where its registers are.
enum Layout {
    /// Always there.
    Fixed(Console),
    /// At numbers, which the board makes offsets of.
    Counted(Numbers),
}

/// The numbers of its status and data registers, and the bits of the former that say that there is room.
#[derive(Clone, Copy)]
struct Numbers {
    status: u32,
    room: u32,
    data: u32,
}

/// How a board makes offsets of numbers: `reg-shift` and `reg-io-width`.
#[derive(Clone, Copy)]
struct Counted {
    shift: u32,
    width: u32,
}

impl Counted {
    fn console(self, base: Pa, registers: Numbers) -> Result<Console, String> {
        let Self { shift, width } = self;
        let offset = |number: u32| (number << shift.min(MOST_SHIFT)).min(1 << MOST_SHIFT);
        if !matches!(width, 1 | 4) {
            return Err(format!("its registers are accessed by {width} bytes, and only 1 and 4 are known"));
        }
        let Numbers { status, room, data } = registers;
        let (status, data) = (offset(status), offset(data));
        Ok(Console { base, status, mask: room, room, data, width, ..Console::NONE })
    }
}

/// A register beyond that is in no page, whatever its number.
const MOST_SHIFT: u32 = 12;

const KINDS: &[Kind] = &[
    Kind { name: "PL011", compatible: &["arm,pl011"], layout: Layout::Fixed(PL011) },
    Kind {
        name: "i.MX",
        compatible: &["fsl,imx21-uart", "fsl,imx53-uart", "fsl,imx6q-uart"],
        layout: Layout::Fixed(IMX),
    },
    Kind {
        name: "Cadence",
        compatible: &["cdns,uart-r1p8", "cdns,uart-r1p12", "xlnx,xuartps"],
        layout: Layout::Fixed(CADENCE),
    },
    Kind {
        name: "16550",
        compatible: &["ns8250", "ns16450", "ns16550", "ns16550a", "ns16850", "snps,dw-apb-uart"],
        layout: Layout::Counted(NS16550),
    },
    Kind {
        name: "BCM2835 mini UART",
        compatible: &["brcm,bcm2835-aux-uart"],
        layout: Layout::Fixed(BCM2835_AUX),
    },
];

/// Arm DDI 0183: UARTFR.TXFF; UARTDR; UARTCR.TXE and UARTEN.
const PL011: Console = Console {
    status: 0x18,
    mask: 1 << 5,
    room: 0,
    data: 0x00,
    on: [Change { register: 0x30, clear: 0, set: 1 << 8 | 1 << 0 }, Change::NONE],
    width: 4,
    ..Console::NONE
};

/// i.MX 8M Plus Reference Manual, UART: UTS.TXFULL; UTXD; UCR1.UARTEN, then UCR2.TXEN.
const IMX: Console = Console {
    status: 0xb4,
    mask: 1 << 4,
    room: 0,
    data: 0x40,
    on: [Change { register: 0x80, clear: 0, set: 1 << 0 }, Change { register: 0x84, clear: 0, set: 1 << 2 }],
    width: 4,
    ..Console::NONE
};

/// Zynq UltraScale+ Registers (UG1087), UART: Channel_sts.TFUL; TX_RX_FIFO; Control.TXDIS and TXEN.
const CADENCE: Console = Console {
    status: 0x2c,
    mask: 1 << 4,
    room: 0,
    data: 0x30,
    on: [Change { register: 0x00, clear: 1 << 5, set: 1 << 4 }, Change::NONE],
    width: 4,
    ..Console::NONE
};

/// PC16550D: LSR.THRE; THR. There is nothing to switch on.
const NS16550: Numbers = Numbers { status: 5, room: 1 << 5, data: 0 };

/// BCM2711 ARM Peripherals §2.2, from `AUX_MU_IO_REG` on: a 16550 in words. That it is on, `AUX_ENABLES` says, for
/// two SPIs as well, so it is the firmware's.
const BCM2835_AUX: Console =
    Console { status: 5 << 2, mask: NS16550.room, room: NS16550.room, data: 0, width: 4, ..Console::NONE };

#[cfg(test)]
mod tests {
    use super::*;
    use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
    use proptest::{prop_assert, prop_assert_eq, proptest};

    const BASE: u32 = 0x0900_0000;

    /// What the hypervisor makes of the only UART of a board.
    fn found(compatible: &str, base: u32, cells: &[(&str, u32)]) -> Result<Console, String> {
        let mut uart = DeviceTreeNode::new("serial").unwrap();
        uart.add_property(DeviceTreeProperty::new("compatible", compatible).unwrap());
        uart.add_property(DeviceTreeProperty::new("reg", vec![base, 0x1000]).unwrap());
        for (name, value) in cells {
            uart.add_property(DeviceTreeProperty::new(*name, *value).unwrap());
        }
        let mut model = DeviceTree::new();
        for name in ["#address-cells", "#size-cells"] {
            model.root.add_property(DeviceTreeProperty::new(name, 1_u32).unwrap());
        }
        model.root.add_child(uart);
        let tree = Tree::parse(&model.to_dtb()).unwrap();
        console(&tree, tree.at("/serial").unwrap())
    }

    /// Where status and data are, the status that is full, and one with room.
    fn shape(console: &Console) -> (u32, u32, [bool; 2]) {
        let full = [0xffff_ffff, 0].map(|status| console.has_room(status));
        (console.status, console.data, full)
    }

    #[test]
    fn a_pl011_is_as_in_ddi_0183() {
        let console = found("arm,pl011", BASE, &[]).unwrap();
        assert_eq!(shape(&console), (0x18, 0x00, [false, true]));
        assert!(!console.has_room(0x20) && console.has_room(0x90) && console.has_room(0x08));
        assert_eq!(console.on, [Change { register: 0x30, clear: 0, set: 0x101 }, Change::NONE]);
        assert_eq!((console.base, console.width), (Pa(BASE.into()), 4));
    }

    #[test]
    fn a_mini_uart_is_a_16550_in_words() {
        let mini = found("brcm,bcm2835-aux-uart", BASE, &[]).unwrap();
        assert_eq!(found("ns16550", BASE, &[("reg-shift", 2), ("reg-io-width", 4)]).unwrap(), mini);
    }

    #[test]
    fn an_imx_uart_is_as_in_its_reference_manual() {
        let console = found("fsl,imx6q-uart", BASE, &[]).unwrap();
        assert_eq!(shape(&console), (0xb4, 0x40, [false, true]));
        // Reset value of UTS: both FIFOs are empty.
        assert!(console.has_room(0x60) && !console.has_room(0x10));
        // UCR1 resets to 0, UCR2 to SRST.
        assert_eq!((console.on[0].register, console.on[0].of(0)), (0x80, 0x1));
        assert_eq!((console.on[1].register, console.on[1].of(0x1)), (0x84, 0x5));
    }

    #[test]
    fn a_cadence_uart_is_as_in_ug1087() {
        let console = found("cdns,uart-r1p12", BASE, &[]).unwrap();
        assert_eq!(shape(&console), (0x2c, 0x30, [false, true]));
        // Reset value of Channel_sts is empty both ways; that of Control has both directions off.
        assert!(console.has_room(0x0a) && !console.has_room(0x10));
        assert_eq!((console.on[0].register, console.on[0].of(0x128)), (0x00, 0x118));
        assert!(console.on[1].is_none());
    }

    #[test]
    fn a_16550_has_bytes_side_by_side_unless_the_tree_says_otherwise() {
        let console = found("ns16550a", BASE, &[]).unwrap();
        assert_eq!((console.status, console.data, console.width), (5, 0, 1));
        // LSR resets to 0x60: THRE and TEMT.
        assert!(console.has_room(0x60) && console.has_room(0x20) && !console.has_room(0x40));
        assert_eq!(console.on, [Change::NONE; 2]);
    }

    #[test]
    fn a_16550_may_have_words_an_offset_and_a_synopsys_name() {
        let words = [("reg-shift", 2), ("reg-io-width", 4)];
        let console = found("snps,dw-apb-uart", BASE, &words).unwrap();
        assert_eq!((console.status, console.data, console.width), (0x14, 0, 4));
        let offset = found("ns16550", BASE, &[("reg-offset", 0x40), ("reg-shift", 2)]).unwrap();
        assert_eq!((offset.base, offset.status, offset.width), (Pa(0x0900_0040), 0x14, 1));
    }

    #[test]
    fn what_is_not_known_is_refused_with_what_is() {
        let why = found("vendor,uart", BASE, &[]).unwrap_err();
        assert_eq!(why, "no UART that the hypervisor knows: PL011, i.MX, Cadence, 16550, BCM2835 mini UART");
        let why = found("ns16550a", BASE, &[("reg-io-width", 2)]).unwrap_err();
        assert_eq!(why, "its registers are accessed by 2 bytes, and only 1 and 4 are known");
        for beyond in [[("reg-shift", 10)], [("reg-shift", 32)], [("reg-offset", 0xffe)]] {
            assert_eq!(found("ns16550a", BASE, &beyond).unwrap_err(), "its registers cannot be addressed");
        }
    }

    #[test]
    fn a_uart_is_known_again_by_its_numbers() {
        let kinds = [("arm,pl011", "PL011"), ("fsl,imx6q-uart", "i.MX"), ("cdns,uart-r1p12", "Cadence")];
        for (compatible, name) in kinds {
            assert_eq!(kind(&found(compatible, BASE, &[]).unwrap()), name);
        }
        for shift in [0, 2] {
            assert_eq!(kind(&found("ns16550a", BASE, &[("reg-shift", shift)]).unwrap()), "16550");
        }
        assert_eq!(kind(&found("brcm,bcm2835-aux-uart", BASE, &[]).unwrap()), "16550");
        assert_eq!(kind(&Console { base: Pa(BASE.into()), status: 0x1c, ..PL011 }), "UART");
    }

    proptest! {
        #[test]
        fn a_16550_of_any_board_is_sound_or_refused(base: u32, shift: u32, near in 0_u32..8, width in 0_u32..9) {
            for shift in [shift, near] {
                let cells = [("reg-shift", shift), ("reg-io-width", width)];
                if let Ok(console) = found("ns16550a", base, &cells) {
                    prop_assert!(console.is_sound() && matches!(width, 1 | 4));
                    prop_assert_eq!((console.status, console.data), (5 << shift, 0));
                }
            }
        }
    }
}
